"""The 18 identifiers of HIPAA's safe harbour, payment, tax and national numbers: found in four forms; look-alikes aren't."""

# ruff: noqa: E501 - the tables are read as rows

import json
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails import WINDOW
from governance.rails.identity_numbers import build_identity_numbers_rail
from governance.rails.masks import merge_spans
from governance.rails.pii import build_pii_rail

PII = build_pii_rail()
RAILS = (PII, build_identity_numbers_rail())


class Identifier(NamedTuple):
    """What it is; what names it; a value; a text that looks like it and holds none."""

    what: str
    name: str
    value: str
    lookalike: str


# 45 CFR 164.514(b)(2)(i), letters A to R. A, names, is the rail `names`; Q, pictures, is known by the file's name alone.
HIPAA = [
    Identifier("B place", "address", "14 Sample Lane, Millbrook", "The road to Millbrook has 14 lanes."),
    Identifier("B post code", "zip code", "90210", "It has 90210 parts."),
    Identifier("C birth", "date of birth", "03/12/1980", "The law of 03/12/1980 is in force."),
    Identifier("C admission", "admission date", "2024-03-12", "The museum opened on 2024-03-12."),
    Identifier("C discharge", "discharged on", "12 March 2024", "The battery was discharged in March 2024."),
    Identifier("C age over 89", "age", "93", "He is aged 45, page 93."),
    Identifier("D phone", "phone", "212-555-0123", "Rows 212-555 and part 0123."),
    Identifier("E fax", "fax", "+1 212 555 0199", "Fax machines cost 199."),
    Identifier("F e-mail", "email", "jane.doe@example.com", "jane.doe at work, @example"),
    Identifier("G social security", "ssn", "123-45-6789", "It is 000-12-3456."),
    Identifier("H medical record", "medical record number", "00123456", "The medical record of 2024 has 12 pages."),
    Identifier("I health plan", "member id", "ABC123456789", "A member of 12 clubs."),
    Identifier("I Medicare", "medicare", "1EG4-TE5-MK73", "Medicare pays 80 percent."),
    Identifier("J account", "account number", "12345678", "An account with 12 users."),
    Identifier("K certificate", "certificate number", "BC-1987-00421", "A certificate of 1987."),
    Identifier("K licence", "medical license", "A1234567", "A medical license costs 300."),
    Identifier("K driver's licence", "driver's license", "D1234567", "A driver's license from 18 on."),
    Identifier("L vehicle", "vin", "1M8GDM9AXKP042788", "Order 1M8GDM9A1KP042788."),
    Identifier("L plate", "license plate", "7ABC 123", "A license plate costs more."),
    Identifier(
        "M device", "device serial number", "PM-88412-X9", "The serial number of the printer CR-60 is on its back."
    ),
    Identifier("M phone", "imei", "356868000041418", "IMEI 356868000041419 or 12."),
    Identifier("N page", "profile", "https://www.linkedin.com/in/jane-doe-81", "https://www.linkedin.com/company/acme"),
    Identifier(
        "N page of a user", "page", "https://clinic.example/patients/4711", "https://clinic.example/opening-hours"
    ),
    Identifier("O internet address", "ip", "8.8.8.8", "Version 1.2.3.4.5 and 192.168.0.1"),
    Identifier("P body", "fingerprint template", "FP-99120-AC7", "A fingerprint has 12 points."),
    Identifier("Q photo", "patient photo", "jane_doe_face.jpg", "The photo of the lathe is in lathe.jpg."),
    Identifier("R other", "employee id", "E-20417", "Each employee has 12 days."),
]
MONEY_AND_TAX = [
    Identifier("card", "card", "4111 1111 1111 1111", "Order 4111 1111 1111 1112."),
    Identifier("card code", "cvv", "123", "Room 123, cvv unknown."),
    Identifier("IBAN", "iban", "DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 01"),
    Identifier("wallet", "wallet", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"),
    Identifier("US employer", "ein", "12-3456789", "Part 12-3456789 is sold out."),
    Identifier("passport", "passport", "X1234567", "Part X1234567."),
]
NATIONAL = [
    Identifier("br_cpf", "cpf", "390.533.447-05", "390.533.447-06"),
    Identifier("mx_curp", "curp", "BOXW310820HNERXN09", "BOXW310820HNERXN08"),
    Identifier("cn_resident_id", "resident identity", "360426199101010071", "360426199101010072"),
    Identifier("fr_nir", "nir", "2 95 10 99 126 111 93", "2 95 10 99 126 111 94"),
    Identifier("ch_ahv", "ahv", "756.9217.0769.85", "756.9217.0769.84"),
    Identifier("cl_rut", "rut", "12.531.909-2", "12.531.909-3"),
    Identifier("be_national_number", "rijksregisternummer", "85.07.30-033 28", "85.07.30-033 29"),
    Identifier("nl_bsn", "bsn", "111222333", "bsn 111222334"),
    Identifier("pt_nif", "contribuinte", "501 964 843", "contribuinte 501 964 842"),
    Identifier("at_social_security", "svnr", "1237 010180", "svnr 1238 010180"),
    Identifier("dk_cpr", "cpr", "211062-5629", "cpr 991362-5629"),
    Identifier("no_birth_number", "fødselsnummer", "15108695088", "fødselsnummer 15108695089"),
    Identifier("ie_pps", "ppsn", "6433435F", "ppsn 6433435E"),
    Identifier("pl_nip", "nip", "856-734-62-15", "nip 856-734-62-14"),
    Identifier("gr_amka", "amka", "01013099997", "amka 01013099998"),
    Identifier("ro_cnp", "cnp", "1630615123457", "cnp 1630615123458"),
    Identifier("cz_birth_number", "rodné číslo", "710319/2745", "rodné číslo 710319/2746"),
    Identifier("bg_egn", "egn", "7523169263", "egn 7523169264"),
    Identifier("hr_oib", "oib", "33392005961", "oib 33392005962"),
    Identifier("ee_personal_code", "isikukood", "36805280109", "isikukood 36805280108"),
    Identifier("lt_personal_code", "asmens kodas", "33309240064", "asmens kodas 33309240065"),
    Identifier("si_emso", "emšo", "0101006500006", "emšo 0101006500007"),
    Identifier("is_kennitala", "kennitala", "450401-3150", "kennitala 450401-3160"),
    Identifier("ar_cuit", "cuit", "20-05536168-2", "cuit 20-05536168-3"),
    Identifier("il_identity_number", "teudat zehut", "3933742-3", "teudat zehut 3933742-2"),
    Identifier("my_nric", "mykad", "770305-02-1234", "mykad 771305-02-1234"),
    Identifier("pk_cnic", "cnic", "34201-0891231-8", "cnic 94201-0891231-8"),
    Identifier("ec_ci", "cédula", "171430710-3", "cédula 171430710-4"),
    Identifier("ru_inn", "inn", "500100732259", "inn 500100732258"),
    Identifier("nz_ird", "ird", "49-098-576", "ird 49-098-577"),
    Identifier("Germany, tax", "Steuer-ID", "15551482145", "Steuer 15551482146"),
    Identifier("Spain", "nif", "12345678Z", "12345678A"),
    Identifier("Italy", "codice", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
    Identifier("Poland", "pesel", "44051477356", "pesel 44051477357"),
    Identifier("Britain", "national insurance number", "AB 12 34 56 C", "Row AB 12 34 56 C7"),
    Identifier("Canada", "social insurance number", "167-349-067", "167-349-068 is a part."),
    Identifier("Australia", "tax file number", "412 136 224", "My tax file number is 412 136 225."),
    Identifier("India", "aadhaar", "2232 2761 0773", "2232 2761 0774 is a part."),
    Identifier("Turkey", "tckn", "10351821056", "10351821057 is a part."),
    Identifier("Sweden", "personnummer", "811228-4834", "811228-4835"),
    Identifier("Korea", "rrn", "900101-1715162", "900101-1715163"),
    Identifier("US ITIN", "itin", "912-70-1234", "912-10-1234 is a part."),
]
ALL = [*HIPAA, *MONEY_AND_TAX, *NATIONAL]


def covers(text: str, value: str) -> bool:
    spans = merge_spans(finding for rail in RAILS for finding in rail.inspect(text))
    start = text.index(value)
    return any(span.start <= start and start + len(value) <= span.end for span in spans)


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.what)
def test_identifier_is_found_in_text_table_markdown_and_json(each: Identifier) -> None:
    forms = [
        f"For the record, my {each.name} is {each.value}."
        if each.name not in ("age", "discharged on")
        else f"Noted: {each.name} {each.value}.",
        f"| Jo | {each.name} | {each.value} | open |",
        f"- **{each.name}**: {each.value}\n- next",
        json.dumps({"n": 7, each.name.replace(" ", "_"): each.value, "x": "y"}, ensure_ascii=False),
    ]
    assert [text for text in forms if not covers(text, each.value)] == []


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.what)
def test_lookalike_is_left_alone(each: Identifier) -> None:
    assert [f for rail in RAILS for f in rail.inspect(each.lookalike)] == []


def test_every_own_national_number_has_a_row() -> None:
    own = {c for c in PII.categories if c[:3] in {each.what[:3] for each in NATIONAL if each.what[2:3] == "_"}}
    assert own == {each.what for each in NATIONAL if each.what[2:3] == "_"}


PIECES = [f"{each.name} {each.value}" for each in ALL] + [
    " ",
    "\n",
    ". ",
    " and so on ",
    "| ",
    "93 years old man",
    "94",
    "license plate ",
    "AB ",
    "photo ",
    "12 ",
]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=5).map("".join))
def test_what_lies_before_the_edge_never_changes_at_any_cut(text: str) -> None:
    whole = PII.inspect(text)
    for cut in range(len(text) + 1):
        edge, early = PII.undecided_from(text[:cut]), PII.inspect(text[:cut])
        assert max(0, cut - WINDOW) <= edge <= cut
        assert {f.start for f in whole if f.start < edge} <= {f.start for f in early}
        settled = [[f for f in found if f.end <= edge and f.end < cut] for found in (early, whole)]
        assert settled[0] == settled[1]


@pytest.mark.parametrize(
    ("category", "value", "text"),
    [
        ("personal_id", "A-12345", "Her ID number is A-12345."),
        ("personal_id", "77-1234-A", "The tenant has the id 77-1234-A."),
    ],
)
def test_id_of_a_person_is_found(category: str, value: str, text: str) -> None:
    start = text.index(value)
    assert (category, start, start + len(value)) in {(f.category, f.start, f.end) for f in PII.inspect(text)}


@pytest.mark.parametrize(
    "text",
    [
        "The ticket id is T-12345.",
        '{"id": "T-1001"}',
        "See /page?id=1234567.",
        "http://example.org/detail?patch_id=101226&group_id=5470",
        "https://example.org/edit#slide=id.g4c4e3bde85_0_74",
    ],
)
def test_id_of_a_thing_is_no_id_of_a_person(text: str) -> None:
    assert "personal_id" not in {f.category for f in PII.inspect(text)}
