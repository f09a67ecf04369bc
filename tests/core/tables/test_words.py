import pytest

from core.tables.words import date_in, number_in, plain


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234[2]", 1234),
        ("$5.5 million", 5_500_000),
        ("2nd", 2),
        ("-3.5", -3.5),
        ("7-9", 7),
        ("1:02.5", 62.5),
        ("1:00:01", 3601),
        (".5", 0.5),
        ("none", None),
        ("", None),
        ("9" * 400, float("9" * 300)),
    ],
)
def test_first_number_of_a_cell(text: str, number: float | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("May 3, 1905", 19050503),
        ("3 May 1905", 19050503),
        ("1905-05-03", 19050503),
        ("May 1905", 19050500),
        ("on 12th of March", 312),
        ("1905", 19050000),
        ("1905–06", 19050000),
        ("May", None),
        ("room 12", None),
    ],
)
def test_first_date_of_a_cell(text: str, day: float | None) -> None:
    assert date_in(text) == day


def test_plain_form_keeps_words_and_numbers() -> None:
    assert plain("  Côte-d'Or [note 1], 1,200.5 km² ") == "cote d or 1200.5 km2"
