"""Identifiers that HIPAA's safe harbour lists (45 CFR 164.514(b)(2)) beyond names, contacts, accounts and addresses.

Dates count when a word before them says that they are of a person's life or care, not when a sentence tells of someone's
birth or death. Ids of things ("ticket id 17") are told apart by the word before them
alone. A photo is found by the name of its file alone; its picture is not looked at.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re

from stdnum import imei

from governance.rails.pattern_rail import WINDOW, Rule, rule
from governance.rails.pii_named import DATE, ID, SAYS, named

_THINGS = "ticket|order|product|item|article|part|device|machine|model|error|event|log|commit|issue|bug|build|asset|request|run|row|node|page|file|document|dataset|transaction|trace|session|job|task|invoice|booking|thread|message|channel|video|sensor|station|patch|project|course|group|slide"
# A key of JSON and a part of an address ("?id=7") name things, too.
_NOT_A_THING = "".join(f"(?<!{thing}[ _-])" for thing in _THINGS.split("|")) + r"(?<![A-Za-z?&\"'])"
_IN_ADDRESS = re.compile(r"[/?&#]\S*\Z")
_SOME_DIGIT = r"(?=[A-Z/-]{0,8}[0-9])"
_PLATES = "licen[sc]e plate|number plate|plate number|vehicle registration|registration plate|kennzeichen|immatriculation|matrícula"
_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9], strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

_OPEN = re.compile(
    rf"(?<![A-Za-z])(?:{_PLATES.replace(' ', '[ _-]?')})(?![A-Za-z]){SAYS}(?P<plate>[A-Z0-9 -]{{0,14}})\Z"
    r"|(?<![0-9])(?P<age>(?:9[0-9]|1[0-2][0-9])[ -]?(?:y[a-z/]{0,5}(?:[ -][a-z]{0,4}(?: [a-z]{0,11})?)?)?)\Z",
    re.IGNORECASE,
)


def open_plate_or_age(text: str) -> int:
    """Return from where the end of a folded text may still become a plate or an age; its length when nowhere."""
    match = _OPEN.search(text)
    return match.start(match.lastgroup or 0) if match else len(text)


def hipaa_rules() -> list[Rule]:
    """Return the rules for dates, ages, health plans, licences, vehicles, devices, pages, body and photo."""
    return [*_time_rules(), *_health_rules(), *_thing_rules(), *_person_rules()]


def _time_rules() -> list[Rule]:
    return [
        rule(
            "date_of_birth",
            0.85,
            rf"(?<![A-Za-z])(?:(?:i was born|i'm born|patient born|birth|birthday|birthdate|birth date|dob|d\.o\.b)(?![A-Za-z])[^0-9\n]{{0,20}}?"
            rf"|(?:date of birth|dob)(?![A-Za-z])[^0-9\n.!?:;]{{21,40}}?)(?<![A-Za-z0-9])"
            rf"(?P<span>{DATE})(?![A-Za-z0-9])",
            needs="0123456789",
            ignore_case=True,
        ),
        named(
            "date_of_care",
            0.8,
            r"admi(?:ssion|tted)(?: date)?(?: on)?|date of (?:admission|discharge|death|service|surgery)|discharged? date|discharged on"
            r"|date of last visit|last visit|service date|dos|died on the ward on|operated on",
            DATE,
        ),
        rule(
            "age_over_89",
            0.8,
            r"(?<![A-Za-z])(?:aged?|patient's age)(?![A-Za-z])[ \t:=|*\"']{1,6}(?:of |is )?(?P<span>9[0-9]|1[0-2][0-9])(?![\w%.,/-]*[0-9])",
            needs="9012",
            ignore_case=True,
        ),
        rule(
            "age_over_89",
            0.8,
            r"(?<![\w.,/-])(?P<span>9[0-9]|1[0-2][0-9])(?:[ -]years?[ -]old (?:man|woman|male|female|patient|lady|gentleman|resident|grandmother|grandfather|mother|father|person)| ?(?:yo|y/o) (?:[mf]\b|male|female|man|woman|patient))",
            needs="9012",
            ignore_case=True,
        ),
    ]


def _health_rules() -> list[Rule]:
    return [
        named(
            "medical_record",
            0.9,
            "mrn|medical record|medical record number|patient id|patient number|patient|chart|hospital number|health record",
            r"(?!(?:19|20)[0-9]{2}(?![0-9A-Z-]))(?=[0-9A-Z-]{0,6}[0-9]{3})[A-Z]{0,4}-?[0-9][0-9A-Z-]{3,14}",
        ),
        rule(  # CMS, Understanding the Medicare Beneficiary Identifier format
            "health_insurance",
            0.9,
            r"(?<!\w)[1-9][AC-HJKMNP-RTV-Y][0-9AC-HJKMNP-RTV-Y][0-9]-?[AC-HJKMNP-RTV-Y][0-9AC-HJKMNP-RTV-Y][0-9]-?"
            r"[AC-HJKMNP-RTV-Y]{2}[0-9]{2}(?!\w)",
            needs="0123456789",
        ),
        named(
            "health_insurance",
            0.85,
            "medicare|medicaid|mbi|beneficiary|member id|member number|subscriber id|health plan|health insurance|health card|insurance id",
            r"(?=[0-9A-Z-]{0,6}[0-9]{3})[A-Z]{0,4}[0-9][0-9A-Z-]{5,15}",
        ),
        named("nhs_number", 0.95, "nhs|nhs number", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}"),
        named(
            "professional_license",
            0.85,
            r"(?:medical|nursing|nurse's?|professional|pilot's?|teaching|pharmacist's?|physician's?|dental|law|bar) (?:licen[sc]e|certificate|registration)"
            r"|certificate (?:number|no)|birth certificate|marriage certificate|npi|dea",
            _SOME_DIGIT + r"[A-Z]{0,4}[/-]?[0-9][0-9A-Z/-]{4,14}",
        ),
    ]


def _thing_rules() -> list[Rule]:
    return [
        rule(
            "vehicle_vin",
            0.95,
            r"(?<![\w-])(?P<span>[A-HJ-NPR-Z0-9]{17})(?![\w-])",
            end_of=_vin_end,
            needs="0123456789",
        ),
        named("vehicle_vin", 0.9, "vin|vehicle identification|chassis", r"(?=[A-Z]{0,12}[0-9])[A-HJ-NPR-Z0-9]{17}"),
        named(
            "vehicle_plate",
            0.85,
            _PLATES,
            r"(?=[A-Z /-]{0,6}[0-9])[A-Z0-9]{1,4}[ -]?[A-Z0-9]{1,4}(?:[ -]?[A-Z0-9]{1,4})?",
        ),
        named("device_id", 0.95, "imei", r"[0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{6}[ -]?[0-9]", end_of=_imei_end),
        named(
            "device_id",
            0.85,
            r"device (?:id|identifier|serial|serial number|serial no)|(?:pacemaker|implant|insulin pump|hearing aid|pump|phone)(?:'s)? serial|(?:pacemaker|implant|insulin pump|hearing aid)(?:'s)? (?:id|no|number)|udi",
            _SOME_DIGIT + r"[A-Z0-9][A-Z0-9/-]{4,23}",
        ),
        rule(
            "card_code",
            0.9,
            r"(?<![A-Za-z])(?:cvv2?|cvc2?|card security code|card verification code|security code of (?:my|the) card)(?![A-Za-z])[ \t:=|*\"']{1,6}(?:is |code )?(?P<span>[0-9]{3,4})(?![\w-])",
            needs="0123456789",
            ignore_case=True,
        ),
    ]


def _person_rules() -> list[Rule]:
    return [
        rule(
            "personal_id",
            0.85,
            rf"{_NOT_A_THING}(?:ids?|identification|identifier)(?![A-Za-z]){SAYS}(?<![A-Za-z0-9])(?P<span>{ID})(?![A-Za-z0-9])",
            end_of=_outside_address,
            needs="0123456789",
            ignore_case=True,
        ),
        rule(
            "personal_url",
            0.85,
            r"(?<![\w.])(?P<span>(?:https?://)?(?:[a-z]{1,3}\.)?(?:linkedin\.com/in/|facebook\.com/(?:profile\.php\?id=|people/)|tiktok\.com/@)[\w.%-]{2,30})",
            needs="/",
            ignore_case=True,
        ),
        rule(
            "personal_url",
            0.8,
            r"(?<![\w.])(?P<span>https?://[\w.-]{3,26}/(?:~|(?:users?|patients?|people|members?|profiles?|employees?|staff)/)[\w.%-]{2,24})",
            needs="/",
            ignore_case=True,
        ),
        named(
            "biometric_id",
            0.85,
            r"(?:fingerprint|finger print|thumbprint|retina|retinal|iris|voice ?print|face ?print|face template|palm print|biometric|dna)(?: (?:id|identifier|template|profile|scan|hash|code|record|sample))?",
            _SOME_DIGIT + r"[A-Z0-9][A-Z0-9/-]{5,23}",
        ),
        rule(
            "photo",
            0.8,
            rf"(?<![A-Za-z])(?:photo|photograph|portrait|headshot|mugshot|face picture|passport picture)(?![A-Za-z])(?:s|file| of (?:the )?(?:patient|face|customer|employee))?{SAYS}(?P<span>[\w-]{{1,40}}\.(?:jpe?g|png|heic|tiff?|webp))(?!\w)",
            needs=".",
            ignore_case=True,
        ),
        named(
            "personal_number",
            0.85,
            r"(?:employee|personnel|staff|student|pupil|inmate|prisoner|voter|identity card|id card|national id|national identity|national insurance|social insurance|immigration|visa|green card|alien) (?:id|number|no|nr|#)",
            _SOME_DIGIT + r"[A-Z]{0,4}[-/]?[0-9][0-9A-Z/-]{3,15}",
        ),
    ]


def _outside_address(match: re.Match[str]) -> int | None:
    """Return the match's end, unless the word before it is a part of a web address ("/page?user_id=1234567")."""
    before = match.string[max(0, match.start("span") - WINDOW) : match.start("span")]
    return None if _IN_ADDRESS.search(before) else match.end("span")


def _imei_end(match: re.Match[str]) -> int | None:
    return match.end("span") if imei.is_valid(match.group("span")) else None


def _vin_end(match: re.Match[str]) -> int | None:
    """Return the match's end when the check digit holds (49 CFR 565.15) and letters stand among the digits."""
    vin = match.group("span")
    if vin.isdigit() or vin.isalpha():
        return None
    total = sum(
        weight * (int(char) if char.isdigit() else _VIN_VALUES[char])
        for char, weight in zip(vin, _VIN_WEIGHTS, strict=True)
    )
    return match.end("span") if "0123456789X"[total % 11] == vin[8] else None
