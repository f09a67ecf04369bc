"""The rail for national identity, tax and health numbers of many countries, found by Presidio's own recognisers.

It complements the rail `pii`, which finds cards, accounts and US and UK identifiers. A number counts when Presidio's
check of it holds (a checksum, mostly) and its form can't be a plain number's, or when a word before it names it and it
has a check that holds or a form of its own. So it doesn't find a bare run of digits that nothing names, names in words
other than those that Presidio knows, a number whose name stands after it, nor one with an invisible character inside.
It leaves out number plates, post codes and the German commercial register, because ordinary text looks like them.

It looks at whole texts: what a user writes and what was retrieved. The gate for answers does without it, because a
stream needs findings that a bounded piece of text decides, and these patterns may look at any amount of it. Numbers in
the input and in the evidence are masked before the model sees them, so that it has none to repeat.

Only the patterns and checks of Presidio are used. Its context words count as phrases here, since its own enhancer
compares single lemmas, which a pipeline without a model doesn't have: "national insurance" would never match.
"""

import inspect as source_of
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from core.schema import digest_of
from governance.rails.fold import fold
from governance.rails.pattern_rail import describe
from governance.rails.required_words import lower_case, may_match, required_words
from governance.schema import Finding

OWN_FORM = 0.3  # from this score on, a pattern of Presidio's describes more than a run of digits
CHECKED, NAMED = 0.95, 0.8

# Recognisers by name. Here the check and the letters, or a date of birth and a hyphen, are enough.
_ALONE = "DeSocialSecurity DeVatId EsNie EsNif FiPersonalIdentityCode InGstin ItFiscalCode KrFrn KrRrn SePersonnummer"
# These need a word that names the number.
_NAMED = (
    "AbaRouting AuAbn AuAcn AuMedicare AuTfn CaSin DeFuehrerschein DeHealthInsurance DeIdCard DeLanr DePassport "
    "DeTaxId DeTaxNumber InAadhaar InPan InVoter ItVatCode KrDriverLicense MedicalLicense NgNin PhTin PhUmid PlPesel "
    "SgFin SgUen ThTnin TrNationalId UkDrivingLicence UkNino UsItin UsNpi ZaIdNumber ZaIncomeTaxNumber ZaVatNumber"
)
_MORE_NAMES = {
    "in_aadhaar": ["aadhar"],
    "it_vat_code": ["p.iva", "p. iva", "vat"],
    "uk_nino": ["ni", "ni no"],
}
_CANDIDATE = re.compile(r"[0-9](?:[ .:/_+-]?[A-Za-z]?[0-9]){4}|[A-Za-z][0-9]{4}[A-Za-z]")
_GLUED_BEFORE = re.compile(r"(?:\w|[0-9][-./:+]|[+@=&?#%/])\Z")
_GLUED_AFTER = re.compile(r"\w|[-./:+=@][0-9A-Za-z]")
_REACH = 64


# What the recognisers call what they find; written down, so that nobody has to load Presidio to know it.
_CATEGORIES = """
    aba_routing_number au_abn au_acn au_medicare au_tfn ca_sin de_fuehrerschein de_health_insurance de_id_card
    de_lanr de_passport de_social_security de_tax_id de_tax_number de_vat_id es_nie es_nif
    fi_personal_identity_code in_aadhaar in_gstin in_pan in_voter it_fiscal_code it_vat_code kr_driver_license
    kr_frn kr_rrn medical_license ng_nin ph_tin ph_umid pl_pesel se_personnummer sg_nric_fin sg_uen th_tnin
    tr_national_id uk_driving_licence uk_nino us_itin us_npi za_id_number za_income_tax_number za_vat_number
"""
IDENTITY_NUMBERS = frozenset(_CATEGORIES.split())


class IdentityNumberRail:
    """A rail made of Presidio's recognisers. Pure, for whole texts."""

    def __init__(self, numbers: Sequence["_Number"], *, library: str) -> None:
        """Take the kinds of numbers to find, and the version of the library that recognises them."""
        self.name = "identity_numbers"
        self.categories = frozenset(number.category for number in numbers)
        limits = [_CANDIDATE.pattern, _GLUED_BEFORE.pattern, _GLUED_AFTER.pattern, _REACH, OWN_FORM, CHECKED, NAMED]
        code = [source_of.getsource(each) for each in (_Number, _is_part)]
        self.version = digest_of([self.name, library, limits, code, [number.identity() for number in numbers]])
        self._numbers = tuple(numbers)
        self._words = tuple(() if number._alone else required_words(number._name) for number in numbers)

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""
        plain = fold(text)
        if not _CANDIDATE.search(plain):
            return []
        lowered = lower_case(plain)
        found = {
            Finding(self.name, number.category, score, start, end, describe(text[start:end], show=False))
            for number, words in zip(self._numbers, self._words, strict=True)
            if may_match(words, lowered)
            for start, end, score in number.matches(plain)
        }
        return sorted(found, key=lambda f: (f.start, -f.end, -f.score, f.category))


class _Number:
    """One kind of number: a recogniser, and whether it counts without a word that names it."""

    def __init__(self, recognizer: Any, *, alone: bool, refuses: bool) -> None:
        """Take a recogniser; `refuses` says that its check drops what fails and confirms nothing."""
        [self._entity] = recognizer.supported_entities
        self.category = str(self._entity).lower()
        self._recognizer, self._alone, self._refuses = recognizer, alone, refuses
        names = {name.lower().strip() for name in [*recognizer.context, *_MORE_NAMES.get(self.category, [])]}
        phrases = "|".join(sorted(re.escape(name).replace(r"\ ", "[ _-]") for name in names))  # a key has no spaces
        self._name = re.compile(rf"(?<![^\W_])(?:{phrases})(?![^\W_])[^0-9]*\Z", re.IGNORECASE)
        recognizer.analyze("", [self._entity])  # compiles its patterns, so that no user waits for it

    def identity(self) -> list[object]:
        """Return all that decides what is found, but for code."""
        patterns = [[pattern.regex, pattern.score] for pattern in self._recognizer.patterns]
        return [self.category, self._alone, self._refuses, self._name.pattern, *patterns]

    def matches(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Yield start, end and score of what counts in a folded text."""
        for result in self._recognizer.analyze(text, [self._entity]):
            value = text[result.start : result.end].rstrip()
            start, end = result.start, result.start + len(value)
            checked = self._refuses or result.analysis_explanation.validation_result is True
            has_form = result.analysis_explanation.original_score >= OWN_FORM
            if not (checked or has_form) or _is_part(text, start, end):
                continue
            is_distinct = checked and not value.isdigit() and text[max(0, start - 1) : start] != "-"
            if (self._alone and is_distinct) or self._is_named(text, start):
                yield start, end, CHECKED if checked else NAMED

    def _is_named(self, text: str, start: int) -> bool:
        return self._name.search(text[max(0, start - _REACH) : start]) is not None


def _is_part(text: str, start: int, end: int) -> bool:
    """Say whether a match is a piece of a longer number, word or address."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return _GLUED_BEFORE.search(before) is not None or _GLUED_AFTER.match(after) is not None


def build_identity_numbers_rail() -> IdentityNumberRail:
    """Build the rail `identity_numbers`. Needs no model and no network."""
    # Presidio imports torch, which a process that runs no rail can do without.
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    numbers = []
    for name in f"{_ALONE} {_NAMED}".split():
        kind = getattr(predefined_recognizers, f"{name}Recognizer")
        confirms = kind.validate_result is not PatternRecognizer.validate_result
        refuses = kind.invalidate_result is not PatternRecognizer.invalidate_result
        recognizer = kind()
        if not (confirms or refuses):
            recognizer.patterns = [pattern for pattern in recognizer.patterns if pattern.score >= OWN_FORM]
        numbers.append(_Number(recognizer, alone=name in _ALONE.split(), refuses=refuses and not confirms))
    return IdentityNumberRail(numbers, library=version("presidio-analyzer"))
