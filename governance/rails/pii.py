"""The rail for personal data of a fixed form: addresses, numbers and identifiers of persons.

It finds contacts and postal addresses, cards and accounts, what HIPAA's safe harbour lists, and the national numbers of
30 countries. It doesn't find names or free descriptions of a person. An identifier without a checksum or a distinctive
form is found only when a word before it says what it is ("passport no. ...").

Its rules are our own rather than Presidio's, since theirs may look at any amount of text, so that a stream could not be
held to the same findings; and they miss a quarter of spaced card numbers and two fifths of phone numbers.
"""

# ruff: noqa: E501 - a pattern is read as one line

import hashlib
import inspect as source_of
import ipaddress
import re
from functools import partial
from importlib.metadata import version

from core.schema import digest_of
from governance.rails import pii_address
from governance.rails.fold import fold
from governance.rails.pattern_rail import WINDOW, PatternRail, Rule, last_run, rule
from governance.rails.pii_address import REACH, address_rules, open_address
from governance.rails.pii_hipaa import hipaa_rules, open_plate_or_age
from governance.rails.pii_named import MONTH, named
from governance.rails.pii_national import national_rules

_W = r"\w\u0300-\u036f"  # word characters, combining marks included
_IBAN_LENGTHS = (  # from the SWIFT IBAN registry
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 "
    "FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 "
    "MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 TN24 "
    "TR26 UA29 VA22 VG24 XK20"
)
_IBAN_LENGTH = {code[:2]: int(code[2:]) for code in _IBAN_LENGTHS.split()}

_EXAMPLES = [
    ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MAY_CONTINUE = re.compile(rf"[^\s]*[0-9+(][^\s]*|[A-Z]{{1,4}}|of|{MONTH}[.,]*|[-.()/]+", re.IGNORECASE)
_MAY_START = re.compile(rf"[^\s]*[0-9+(][^\s]*|{MONTH}[.,]*", re.IGNORECASE)


class PiiRail(PatternRail):
    """Its rules, and how far back an address may be open."""

    def __init__(self) -> None:
        rules = [
            *_contact_rules(),
            *address_rules(),
            *_money_rules(),
            *_identity_rules(),
            *hipaa_rules(),
            *national_rules(),
        ]
        super().__init__("pii", rules, open_from=partial(last_run, continues=_MAY_CONTINUE, starts=_MAY_START))
        self.version = digest_of([self.version, source_of.getsource(pii_address), version("python-stdnum")])

    def undecided_from(self, text: str) -> int:
        """Return the offset, at most `WINDOW` from the end, from which findings may still appear or change."""
        start = max(0, len(text) - REACH)
        plain = fold(text[start:])
        undecided = min(open_address(plain), open_plate_or_age(plain))
        return max(min(super().undecided_from(text), start + undecided), len(text) - WINDOW, 0)


def build_pii_rail() -> PiiRail:
    """Build the rail `pii`."""
    return PiiRail()


def _contact_rules() -> list[Rule]:
    four_by_four = (
        r"[0-9]{4}(?P<gap>[ .-]?)[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}(?!\w)"  # longer than any phone number
    )
    octet = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
    calls = "phone|tel|telephone|mobile|cell|cellphone|fax|whatsapp|call|call me|call me at|call me on|dial|text me|reach me|answering at|phone number is|contact number"
    return [
        rule(
            "email",
            0.95,
            rf"(?<!\w)\w[{_W}.+%~'-]{{0,31}}@(?=[{_W}.-]{{1,27}}\.[^\W\d_]{{2}})\w[{_W}.-]*[{_W}]",
            needs="@",
        ),
        rule("email", 0.85, rf"(?<!\w)\w[{_W}.+%~'-]{{32,61}}@(?=\w)[{_W}.-]*[{_W}]", needs="@"),
        rule(
            "phone",
            0.9,
            r"(?<!\w)(?<![0-9][ .-])(?:\+[1-9][0-9]{0,2}|00[1-9][0-9]{0,2}(?=[ .(/-]))(?:[ .()/-]{0,2}[0-9]{1,5}){2,6}(?:x[0-9]{1,6})?(?!\w)",
            end_of=_phone_end,
        ),
        rule(
            "phone",
            0.85,
            r"(?<!\w)(?<![0-9][ .-])(?:1[ .-]?)?(?:\([2-9][0-9]{2}\)[ -]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-]"
            r"[0-9]{4}(?:x[0-9]{1,6})?(?![\w@])(?![.-][0-9])",
            needs="0123456789",
        ),
        rule(
            "phone",
            0.7,
            r"(?<!\w)(?<![0-9][ .-])\(?0[1-9][0-9]{0,3}\)?[ /-](?:[0-9]{2,4}[ .-]?){1,3}[0-9]{2,4}(?![\w@])(?![.-][0-9])",
            end_of=_national_end,
            needs="0",
        ),
        rule("phone", 0.75, r"(?<!\w)\([0-9]{2,4}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,4}(?:x[0-9]{1,6})?(?!\w)", needs="("),
        rule(
            "phone",
            0.85,
            rf"(?<![A-Za-z])(?:{calls})(?![A-Za-z])[^0-9\n+(]{{0,20}}(?<!\w)(?!{four_by_four})(?P<span>[+(]?[0-9](?:[ .()/-]{{0,2}}[0-9]){{6,14}})(?!\w)",
            needs="0123456789",
            ignore_case=True,
        ),
        rule("ip_address", 0.8, rf"(?<![\w.])(?:{octet}\.){{3}}{octet}(?!\w|\.[0-9])", end_of=_ip_end, needs="."),
        rule(
            "ip_address",
            0.8,
            r"(?<![\w:.])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{6,39}(?![\w:])",
            end_of=_ip_end,
            needs=":",
        ),
        rule(
            "mac_address",
            0.8,
            r"(?<![\w:-])(?P<span>[0-9A-Fa-f]{2}(?P<sep>[:-])(?:[0-9A-Fa-f]{2}(?P=sep)){4}[0-9A-Fa-f]{2})(?![\w:-])",
            needs=":-",
        ),
    ]


def _money_rules() -> list[Rule]:
    cards = [
        r"[2-6][0-9]{12,18}",
        r"[2-6][0-9]{3}(?P<sep>[ .-]{1,2})[0-9]{4}(?P=sep)[0-9]{4}(?P=sep)[0-9]{1,4}",
        r"[2-6][0-9]{3}(?P<sep>[ .-]{1,2})[0-9]{4}(?P=sep)[0-9]{4}(?P=sep)[0-9]{4}(?P=sep)[0-9]{3}",
        r"3[0-9]{3}(?P<sep>[ .-]{1,2})[0-9]{6}(?P=sep)[0-9]{4,5}",
    ]
    return [
        *(
            rule("credit_card", 1.0, rf"(?<!\w)(?P<span>{card})(?!\w)", end_of=_luhn_end, needs="23456")
            for card in cards
        ),
        rule(
            "iban",
            1.0,
            r"(?<!\w)[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,4})?)",
            end_of=_iban_end,
            needs="0123456789",
        ),
        rule("iban", 1.0, r"(?<!\w)[a-z]{2}[0-9]{2}[a-z0-9]{11,30}", end_of=_iban_end, needs="0123456789"),
        rule(
            "crypto_wallet",
            0.9,
            r"(?<!\w)(?:bc1(?=[a-z]{0,58}[0-9])[ac-hj-np-z02-9]{25,59}|0x[0-9a-fA-F]{40}|[13][1-9A-HJ-NP-Za-km-z]{25,34})(?!\w)",
            end_of=_wallet_end,
            needs="013",
        ),
        named(
            "bank_account",
            0.8,
            "account|acct|routing|sort|a/c|bank account|account number|sort code|routing number",
            r"[0-9]{2}-[0-9]{2}-[0-9]{2}|[0-9](?:[ -]?[0-9]){6,18}",
        ),
    ]


def _identity_rules() -> list[Rule]:
    return [
        rule(
            "us_ssn",
            0.9,
            r"(?<!\w)(?<![0-9][ .-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?!\w)(?!-[0-9])",
            needs="-",
        ),
        rule(
            "us_ssn",
            0.7,
            r"(?<!\w)(?<![0-9][ .-])(?P<span>(?!000|666|9)[0-9]{3}(?P<sep>[ .])(?!00)[0-9]{2}(?P=sep)(?!0000)[0-9]{4})"
            r"(?!\w)(?![ .][0-9])",
            needs="0123456789",
        ),
        named(
            "us_ssn", 0.95, "ssn|social|social security|social security number", r"[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}"
        ),
        named("tax_id", 0.85, "tax|tin|ein|itin|taxpayer|tax id|vat", r"[A-Z]{0,2}[0-9][0-9 -]{6,12}[0-9]"),
        named("passport", 0.85, "passport", r"[A-Z]{0,2}[0-9]{6,9}[A-Z]?"),
        named(
            "driver_license",
            0.85,
            r"driver'?s? licen[sc]e|drivers' licen[sc]e|driving licen[sc]e|dl|licen[sc]e number",
            r"(?=[0-9A-Z-]{0,6}[0-9]{3})[A-Z]{0,5}[0-9][0-9A-Z-]{4,15}",
        ),
    ]


def _phone_end(match: re.Match[str]) -> int | None:
    """Return the end of the longest run of whole groups that has 8 to 15 digits (ITU-T E.164)."""
    text, start = match.group("span"), match.start("span")
    ends = [group.end() for group in re.finditer(r"[0-9]+", text)]
    for end in reversed(ends):
        if 8 <= sum(char.isdigit() for char in text[:end]) - 2 * text.startswith("00") <= 15:
            return start + end
    return None


def _national_end(match: re.Match[str]) -> int | None:
    digits = sum(char.isdigit() for char in match.group("span"))
    return match.end("span") if 9 <= digits <= 11 else None


def _luhn_end(match: re.Match[str]) -> int | None:
    """Return the match's end when its digits pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    digits = [int(char) for char in match.group("span") if char.isdigit()]
    doubled = [2 * d - 9 * (d > 4) for d in digits[-2::-2]]
    is_card = 13 <= len(digits) <= 19 and len(set(digits)) > 1
    return match.end("span") if is_card and (sum(digits[::-2]) + sum(doubled)) % 10 == 0 else None


def _iban_end(match: re.Match[str]) -> int | None:
    """Return where the country's length ends when the digits there pass ISO 13616's check."""
    text = match.group("span")
    places = [i for i, char in enumerate(text) if char.isalnum()]
    length = _IBAN_LENGTH.get(text[:2].upper(), 0)
    if not length or len(places) < length:
        return None
    end = places[length - 1] + 1
    plain = "".join(text[i] for i in places[:length])
    after = match.string[match.start("span") + end :][:1]
    number = int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4]))
    return match.start("span") + end if number % 97 == 1 and not after.isalnum() else None


def _wallet_end(match: re.Match[str]) -> int | None:
    """Return the match's end; one in base58 has to carry its checksum, the first bytes of a double SHA-256."""
    text = match.group("span")
    if text[0] in "13":
        number = 0
        for char in text:
            number = number * 58 + _BASE58.index(char)
        raw = number.to_bytes(26, "big")[-25:]
        if hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] != raw[-4:]:
            return None
    return match.end("span")


def _ip_end(match: re.Match[str]) -> int | None:
    """Return the match's end when it is an address that can point to a person: one that is reachable from outside."""
    text = match.group("span").rstrip(":")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    is_example = any(address in network for network in _EXAMPLES)  # they stand for addresses of persons
    return match.start("span") + len(text) if address.is_global or is_example else None
