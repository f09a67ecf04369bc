"""National identity, tax and social security numbers whose check digits the library python-stdnum knows.

They complement those of the rail `identity_numbers`, and are found on streams too. A number counts when its check holds
and its form is its own, or when its check holds and a word before it names it.
"""

# ruff: noqa: E501 - the table is read as rows

import re
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from governance.rails.pattern_rail import Rule, rule
from governance.rails.pii_named import named


class _National(NamedTuple):
    """A kind of number: the module of python-stdnum that checks it, words that name it, and how it is written."""

    category: str
    module: str
    words: str
    form: str
    own_form: str = ""


_D = "[ .-]?"
_NUMBERS = (
    _National("br_cpf", "br.cpf", "cpf", r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"),
    _National("mx_curp", "mx.curp", "curp", r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]", r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]"),
    _National("cn_resident_id", "cn.ric", "resident identity|resident id|chinese id|id card", r"[0-9]{17}[0-9X]", r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9X]"),
    _National("fr_nir", "fr.nir", "nir|securite sociale|sécurité sociale|sécu|insee", rf"[12]{_D}[0-9]{{2}}{_D}[0-9]{{2}}{_D}[0-9][0-9AB]{_D}[0-9]{{3}}{_D}[0-9]{{3}}{_D}[0-9]{{2}}", r"[12] [0-9]{2} [0-9]{2} [0-9][0-9AB] [0-9]{3} [0-9]{3} [0-9]{2}"),
    _National("ch_ahv", "ch.ssn", "ahv|avs", rf"756{_D}[0-9]{{4}}{_D}[0-9]{{4}}{_D}[0-9]{{2}}", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}"),
    _National("cl_rut", "cl.rut", "rut|run", r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-?[0-9K]", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]"),
    _National("be_national_number", "be.nn", "rijksregisternummer|rijksregister|registre national|national number|nn", rf"[0-9]{{2}}{_D}[0-9]{{2}}{_D}[0-9]{{2}}{_D}[0-9]{{3}}{_D}[0-9]{{2}}", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}"),
    _National("nl_bsn", "nl.bsn", "bsn|burgerservicenummer|sofinummer", rf"[0-9]{{3,4}}{_D}[0-9]{{2}}{_D}[0-9]{{3}}"),
    _National("pt_nif", "pt.nif", "nif|contribuinte", rf"[0-9]{{3}}{_D}[0-9]{{3}}{_D}[0-9]{{3}}"),
    _National("at_social_security", "at.vnr", "sozialversicherungsnummer|svnr|sv-nummer|vsnr", rf"[0-9]{{4}}{_D}[0-9]{{6}}"),
    _National("dk_cpr", "dk.cpr", "cpr|personnummer", r"[0-9]{6}[ -]?[0-9]{4}"),
    _National("no_birth_number", "no.fodselsnummer", "fødselsnummer|fodselsnummer|personnummer|fnr", r"[0-9]{6}[ -]?[0-9]{5}"),
    _National("ie_pps", "ie.pps", "pps|ppsn", r"[0-9]{7}[A-W][A-IW]?"),
    _National("pl_nip", "pl.nip", "nip", rf"[0-9]{{3}}{_D}[0-9]{{2,3}}{_D}[0-9]{{2}}{_D}[0-9]{{2,3}}"),
    _National("gr_amka", "gr.amka", "amka", r"[0-9]{11}"),
    _National("ro_cnp", "ro.cnp", "cnp|cod numeric personal", r"[0-9]{13}"),
    _National("cz_birth_number", "cz.rc", "rodné číslo|rodne cislo|rodné|rč", r"[0-9]{6}/?[0-9]{3,4}"),
    _National("bg_egn", "bg.egn", "egn", r"[0-9]{10}"),
    _National("hr_oib", "hr.oib", "oib", r"[0-9]{11}"),
    _National("ee_personal_code", "ee.ik", "isikukood", r"[0-9]{11}"),
    _National("lt_personal_code", "lt.asmens", "asmens kodas", r"[0-9]{11}"),
    _National("si_emso", "si.emso", "emso|emšo", r"[0-9]{13}"),
    _National("is_kennitala", "is_.kennitala", "kennitala|kt", r"[0-9]{6}-?[0-9]{4}"),
    _National("ar_cuit", "ar.cuit", "cuit|cuil", r"[0-9]{2}-?[0-9]{8}-?[0-9]"),
    _National("il_identity_number", "il.idnr", "teudat zehut|israeli id", r"[0-9]{7,8}-?[0-9]"),
    _National("my_nric", "my.nric", "mykad|nric|kad pengenalan", r"[0-9]{6}-?[0-9]{2}-?[0-9]{4}"),
    _National("pk_cnic", "pk.cnic", "cnic", r"[0-9]{5}-?[0-9]{7}-?[0-9]"),
    _National("ec_ci", "ec.ci", "cédula|cedula", r"[0-9]{9}-?[0-9]"),
    _National("ru_inn", "ru.inn", "инн|inn", r"[0-9]{12}"),
    _National("nz_ird", "nz.ird", "ird", r"[0-9]{2,3}-?[0-9]{3}-?[0-9]{3}"),
)  # fmt: skip


def national_rules() -> list[Rule]:
    """Return the rules that find them."""
    rules = []
    for number in _NUMBERS:
        end_of = _checked(number.module)
        rules.append(named(number.category, 0.95, number.words, number.form, end_of=end_of))
        if number.own_form:
            pattern = rf"(?<![\w.-])(?P<span>{number.own_form})(?![\w]|[.-][0-9])"
            rules.append(rule(number.category, 0.95, pattern, end_of=end_of, needs="0123456789"))
    return rules


def _checked(module: str) -> Callable[[re.Match[str]], int | None]:
    """Return the function that gives the match's end when the number's check holds."""
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid

    def end_of(match: re.Match[str]) -> int | None:
        return match.end("span") if is_valid(match.group("span")) else None

    return end_of
