import pytest

from core.datasets.profile import TableProfiler
from core.datasets.profile_words import render_column_line, render_table_lines
from core.datasets.quality import check_quality, read_quality
from core.datasets.schema import Problem


def profile(header, rows, title="Prices"):
    profiler = TableProfiler(header, title=title)
    for row in rows:
        profiler.add(row)
    return profiler.result()


GOOD = profile(["item", "price"], [("saw", "$12.50"), ("drill", "$99"), ("plane", "$45")])


def checks(table):
    return {finding.check: finding for finding in check_quality([table]).findings}


def test_good_table_has_no_findings():
    found = check_quality([GOOD])
    assert (found.findings, found.cells, found.missing_share) == ((), 6, 0.0)


@pytest.mark.parametrize(
    ("check", "rows", "count", "words"),
    [
        ("empty-column", [("a", ""), ("b", "NA")], 2, "holds nothing"),
        ("much-missing", [("a", ""), ("b", ""), ("c", "1")], 2, "67% of its cells"),
        ("constant-column", [("a", "x"), ("b", "x")], 2, "holds the same: 'x'"),
        ("repeated-rows", [("a", "1"), ("b", "2"), ("a", "1")], 1, "1 row is the same as an earlier one"),
        ("repeated-column", [("1", "1"), ("2", "2")], 2, "same as the column 'item'"),
        (
            "mixed-types",
            [*((f"i{n}", str(n)) for n in range(10)), ("z", "dear")],
            1,
            "1 cell is not a number, such as 'dear'",
        ),
        ("decimal-commas", [("a", "1,5"), ("b", "2,25")], 2, "written with a decimal comma, such as '1,5'"),
        ("garbled-text", [("a", "cafÃ©"), ("b", "tea")], 1, "damaged by a wrong encoding"),
    ],
)
def test_each_check_finds_its_fault(check, rows, count, words):
    finding = checks(profile(["item", "price"], rows))[check]
    assert finding.count == count
    assert words in finding.sentence
    assert finding.table == "Prices"


def test_places_are_rows():
    finding = checks(profile(["item", "price"], [("a", "1"), ("b", "2"), ("a", "1")]))["repeated-rows"]
    assert finding.places == ("row 3",)


def test_table_without_rows_is_told():
    assert list(checks(profile(["a"], []))) == ["empty-table"]
    assert check_quality([]).missing_share is None


def test_what_was_not_read_is_told_with_its_places():
    problems = [Problem("a.csv", f"line {n}", "expected 2 cells, found 3") for n in range(200)]
    found = check_quality([GOOD], problems, problem_count=500)
    assert found.findings[-1].count == 500
    assert found.findings[-1].places[0] == "a.csv, line 0: expected 2 cells, found 3"
    assert (len(found.problems), found.problem_count) == (100, 500)
    assert read_quality(found.to_json()) == found


def test_column_line_says_kind_range_and_examples():
    assert render_column_line(GOOD.columns[1], meaning="What it costs.") == (
        "price (number in $): What it costs; 12.5 to 99, mean 52.17."
    )
    assert render_column_line(GOOD.columns[0]) == "item (text): saw, drill, plane."
    lines = render_table_lines(profile(["n"], [(str(n),) for n in range(20_000)]), meanings={"n": "a count"})
    assert lines == ["20,000 rows, 1 column.", "n (integer): a count; 0 to 19,999, mean 10,000."]
