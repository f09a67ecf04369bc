import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.schema import Evidence
from governance.quotations import QuotationCheck, check_quotations


def evidence(number: int, text: str) -> Evidence:
    return Evidence(number, f"c{number}", "d", "v", "Data", "Doc", "Place", "CC0-1.0", text, 0.9)


TWO = (evidence(1, "Meals are paid up to 60 USD a day. Keep the receipt."), evidence(2, "Trains go first."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No quotation at all.", QuotationCheck()),
        ("It says “Keep the receipt.” [1]", QuotationCheck(1, 1, (1,))),
        ("It says “Keep the receipt.” [2]", QuotationCheck(1, 0, (2,))),
        ("It says “Keep the ticket.” [1]", QuotationCheck(1, 0, (1,))),
        ("“Keep the receipt.” [1] and “Trains go first.” [2]", QuotationCheck(2, 2, (1, 2))),
        ("“Keep the receipt.” without a number", QuotationCheck(1, 0, ())),
        ("“Trains go first.” [7]", QuotationCheck(1, 0, ())),
        ("see [2]", QuotationCheck(0, 0, (2,))),
    ],
    ids=["none", "right", "wrong-number", "changed", "two", "uncited", "unknown-number", "free-citation"],
)
def test_check_quotations_counts(text: str, expected: QuotationCheck) -> None:
    assert check_quotations(text, TWO) == expected


def test_check_quotations_takes_marks_inside_the_evidence_as_part_of_it() -> None:
    inside = "He said “stop” [3] twice."
    assert check_quotations(f"“{inside}” [1]", [evidence(1, inside)]) == QuotationCheck(1, 1, (1,))


@given(st.text(alphabet="ab“”[]123 .", max_size=60), st.text(alphabet="ab“”[]123 .", min_size=1, max_size=30))
def test_check_quotations_never_supports_more_than_it_checked(text: str, source: str) -> None:
    found = check_quotations(text, [evidence(1, source)])
    assert 0 <= found.supported <= found.checked
    assert check_quotations(f"“{source}” [1]", [evidence(1, source)]).supported >= 1
