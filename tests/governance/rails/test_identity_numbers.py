import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails import Masker
from governance.rails.identity_numbers import CHECKED, NAMED, IdentityNumberRail, build_identity_numbers_rail
from governance.rails.masks import merge_spans
from tests.governance.shipped import shipped_rails

ROOT = Path(__file__).parents[3]
RAIL = build_identity_numbers_rail()

# Their check is enough.
ALONE = [
    ("de_social_security", "My number is <<24120380J628>>."),
    ("de_vat_id", "Bill it to <<DE907483378>>, please."),
    ("es_nie", "Soy <<X4743957T>>."),
    ("es_nif", "Mi número es <<12345678Z>>, gracias."),
    ("es_nif", "Mi número es <<12345678-Z>>"),
    ("es_nif", "DNI-<<12345678Z>>"),
    ("fi_personal_identity_code", "I am <<131052-308T>>."),
    ("in_gstin", "Bill it to <<27AAPFU8939F1Z0>>"),
    ("it_fiscal_code", "Il mio codice: <<RSSMRA85T10A562S>>"),
    ("kr_frn", "My card says <<900101-5364942>>"),
    ("kr_rrn", "My card says <<900101-1715162>>"),
    ("se_personnummer", "Jag heter Anna, <<811228-4834>>."),
]
# Their check needs a word before them.
CHECKED_AND_NAMED = [
    ("aba_routing_number", "aba routing <<078684335>>"),
    ("au_abn", "ABN <<86 201 913 274>>"),
    ("au_acn", "Australian Company Number: <<320 008 062>>"),
    ("au_medicare", "Medicare card <<2849 24337 2>>"),
    ("au_tfn", "My tax file number is <<412 136 224>>."),
    ("ca_sin", "Social Insurance Number: <<167-349-067>>"),
    ("de_health_insurance", "Krankenkasse, KVNR <<T837151204>>"),
    ("de_id_card", "Personalausweis Nr. <<LM5W95680>>"),
    ("de_lanr", "LANR: <<403533886>>"),
    ("de_passport", "Reisepass <<CZ3H65868>>"),
    ("de_tax_id", "Meine Steuer-ID ist <<15551482145>>"),
    ("in_aadhaar", "aadhaar: <<2232 2761 0773>>"),
    ("in_aadhaar", "Aadhar no. <<２２３２ ２７６１ ０７７３>>"),
    ("it_vat_code", "P.IVA <<58397641323>> Roma"),
    ("kr_driver_license", "운전면허 <<11-34-138473-87>>"),
    ("medical_license", "DEA <<AB0971071>>"),
    ("ng_nin", "My NIN is <<08136915432>>"),
    ("ph_tin", "TIN: <<034-805-035>>"),
    ("pl_pesel", "PESEL: <<44051477356>>"),
    ("sg_uen", "UEN <<66304046M>>"),
    ("th_tnin", "Thai National ID <<1165616246155>>"),
    ("tr_national_id", "TCKN: <<10351821056>>"),
    ("us_npi", "NPI <<1334046129>>"),
    ("za_id_number", "South African ID <<8001014772081>>"),
    ("za_income_tax_number", "income tax number <<0513451177>>"),
    ("za_vat_number", "VAT number <<4280807083>>"),
]
# They have no check, but a form of their own.
FORMED_AND_NAMED = [
    ("de_fuehrerschein", "Führerschein <<BW851369845>>"),
    ("de_tax_number", "Steuernummer <<181/815/08155>>"),
    ("in_pan", "PAN: <<ABCPE1234F>>"),
    ("in_voter", "voter card <<KGB1234567>>"),
    ("ph_umid", "UMID <<1234-1234567-1>>"),
    ("sg_nric_fin", "NRIC: <<S1234567D>>"),
    ("uk_driving_licence", "driving licence <<MORGA657054SM9IJ>>"),
    ("uk_nino", "My national insurance number:\n<<AB 12 34 56 C>>"),
    ("us_itin", "ITIN <<912-70-1234>>"),
]


def unmark(marked: str) -> tuple[str, int, int]:
    return marked.replace("<<", "").replace(">>", ""), marked.index("<<"), marked.index(">>") - 2


@pytest.mark.parametrize(("category", "marked"), [*ALONE, *CHECKED_AND_NAMED, *FORMED_AND_NAMED])
def test_identity_number_is_found_with_its_exact_span(category: str, marked: str) -> None:
    text, start, end = unmark(marked)
    score = NAMED if (category, marked) in FORMED_AND_NAMED else CHECKED
    assert (category, score, start, end) in {(f.category, f.score, f.start, f.end) for f in RAIL.inspect(text)}


def test_every_category_has_such_a_test() -> None:
    assert {category for category, _ in [*ALONE, *CHECKED_AND_NAMED, *FORMED_AND_NAMED]} == RAIL.categories


@pytest.mark.parametrize(("category", "marked"), [*CHECKED_AND_NAMED, *FORMED_AND_NAMED])
def test_number_that_nothing_names_is_left_alone(category: str, marked: str) -> None:
    text, start, end = unmark(marked)
    assert RAIL.inspect(f"Order {text[start:end]} has left.") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Refunds are paid within ten working days.",
        "Mi NIF es 12345678A.",
        "PESEL: 44051477357",
        "My tax file number is 412 136 225.",
        "Codice RSSMRA85T10A562T",
        "CR-120, LC-40, PN-2040-A4, SKU 0012345678, part 1234567890123",
        "It costs 1,250,000.00 USD on 2026-05-04 at 10:30, order 10351821056, invoice 20260504-0012.",
        "Call +48 44 051 477 356 or 212-555-0128, card 4111 1111 1111 1111, ISBN 978-3-16-148410-0.",
        "https://example.org/items/12345678Z?id=X4743957T",
        "b0be1612-3456-4a7b-9c8d-12345678Z",
        "The frying pan costs 1234 and the fin has 12 ribs.",
        "[ES_NIF_1] and [UK_NINO_2]",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert RAIL.inspect(text) == []


def test_name_far_before_a_number_does_not_name_it() -> None:
    assert RAIL.inspect("Your PESEL is needed. " + "We wait. " * 10 + "44051477356") == []
    assert RAIL.inspect("PESEL needed by 5 May: 44051477356") == []


@pytest.mark.parametrize(
    "folder", sorted(path.name for path in (ROOT / "data" / "datasets").iterdir() if path.is_dir())
)
def test_shipped_datasets_raise_nothing(folder: str) -> None:
    for path in (ROOT / "data" / "datasets" / folder).rglob("*.*"):
        assert RAIL.inspect(path.read_text(encoding="utf-8")) == []


def test_findings_are_sorted_and_show_no_value() -> None:
    text = "NIF 12345678Z, PESEL 44051477356 and 12345678Z again"
    found = RAIL.inspect(text)
    assert [(f.category, text[f.start : f.end], f.evidence) for f in found] == [
        ("es_nif", "12345678Z", "9 characters"),
        ("pl_pesel", "44051477356", "11 characters"),
        ("es_nif", "12345678Z", "9 characters"),
    ]
    assert Masker().mask(text, merge_spans(found)) == "NIF [ES_NIF_1], PESEL [PL_PESEL_1] and [ES_NIF_1] again"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*(unmark(m)[0] for _, m in CHECKED_AND_NAMED), *"09AZſıK²-/ .\u0301\n"]), max_size=12))
def test_spans_lie_inside_any_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = RAIL.inspect(text)
    assert found == RAIL.inspect(text)
    assert all(0 <= f.start < f.end <= len(text) and text[f.start : f.end].strip() for f in found)
    assert [f.start for f in found] == sorted(f.start for f in found)


def test_version_names_library_and_kinds_of_numbers() -> None:
    kinds = RAIL._numbers
    assert build_identity_numbers_rail().version == RAIL.version
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", RAIL.version)
    others = [
        IdentityNumberRail(kinds, library="0"),
        IdentityNumberRail(kinds[1:], library=version("presidio-analyzer")),
    ]
    assert len({RAIL.version, *(rail.version for rail in others)}) == 3


def test_rail_looks_at_input_and_evidence_and_not_at_streams() -> None:
    rails = shipped_rails()
    names = {stage: {rail.name for rail in getattr(rails, stage)} for stage in ("input", "retrieval", "output")}
    assert {stage for stage, of_it in names.items() if RAIL.name in of_it} == {"input", "retrieval"}


def test_presidio_is_loaded_only_when_the_rail_is_built() -> None:
    code = (
        "import sys, governance.rails; print([name for name in ('presidio_analyzer', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
