import pytest

from apps.chat.places import format_query, read_place, text_alone


@pytest.mark.parametrize(
    ("place", "full", "short"),
    [
        ("Page 4", "Handbook › Page 4", "Page 4"),
        ("Rows 11-20", "Handbook › Rows 11-20", "Rows 11-20"),
        ("Prices > Rows 1,001-1,010", "Handbook › Prices > Rows 1,001-1,010", "Rows 1,001-1,010"),
        ("Opening > At night", "Handbook › Opening > At night", ""),
        ("Pages of glory", "Handbook › Pages of glory", ""),
    ],
)
def test_a_citation_shows_pages_and_rows_and_its_source_the_whole_place(place: str, full: str, short: str) -> None:
    shown = read_place("Handbook", place)
    assert (shown.full, shown.short, shown.query) == (full, short, "")


def test_the_answer_of_a_table_shows_its_query_a_clause_a_line() -> None:
    place = "Rows 2, 7 of 60. Query: SELECT COUNT(*) FROM t WHERE \"sent FROM a\" = 'x LIMIT 1' ORDER BY 1"
    shown = read_place("Boats", place)
    assert (shown.full, shown.short) == ("Boats › Rows 2, 7 of 60", "Query")
    assert shown.query.splitlines() == [
        "SELECT COUNT(*)",
        "FROM t",
        "WHERE \"sent FROM a\" = 'x LIMIT 1'",
        "ORDER BY 1",
    ]
    assert text_alone(f"Two boats.\n{place}", place) == "Two boats."


def test_text_that_holds_no_place_stays() -> None:
    assert text_alone("Two boats.", "") == "Two boats."
    assert format_query("SELECT 1") == "SELECT 1"
