import csv
import math
import random
from pathlib import Path

import numpy as np
import pytest

from core.datasets.column_profile import ColumnProfile
from core.datasets.profile import TableProfile, TableProfiler, read_profile

CATALOG = Path("../shared/evaldata/catalog")


def profile(header, rows):
    profiler = TableProfiler(header)
    for row in rows:
        profiler.add(row)
    return profiler.result()


def column(cells, name="x") -> ColumnProfile:
    return profile([name, "other"], [(cell, "-") for cell in cells]).columns[0]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", "1,000", "-5"], "integer"),
        (["1", "2.5", "$3", "(45)"], "number"),
        (["2020-01-31", "3 March 2021", "2020-05-01T10:00:00Z"], "date"),
        (["yes", "No", "TRUE"], "boolean"),
        (["a", "b", "a", "b"], "category"),
        (["one thing", "another thing", "a third"], "text"),
        (["", "NA", "-", "n/a"], "empty"),
        ([str(n) for n in range(1, 13)], "id"),
        (["3/4/2001", "5/6/2001", "1/1/2001"], "text"),
        (["007", "012", "100"], "text"),
    ],
)
def test_column_gets_the_kind_of_its_cells(cells, kind):
    assert column(cells).kind == kind


def test_numbers_are_summed_up_exactly():
    numbers = [1234.5, 1.5, 2.5, 2.5, 90.25, -3.0, 7.0]
    found = column([f"{n:,}" for n in numbers] + [""])
    assert (found.present, found.missing, found.distinct, found.exact) == (7, 1, 6, True)
    assert (found.minimum, found.maximum) == (-3.0, max(numbers))
    assert found.mean == pytest.approx(np.mean(numbers))
    assert found.std == pytest.approx(np.std(numbers, ddof=1))
    assert found.quantiles["0.5"] == sorted(numbers)[3]
    assert found.histogram is not None
    assert sum(found.histogram.counts) == 7
    assert found.top[0] == ("2.5", 2)


def test_days_have_a_span_and_a_histogram_of_days():
    found = column(["2020-01-01", "2020-01-03", "2 January 2020", "2020-03-01"])
    assert (found.minimum, found.maximum, found.mean) == ("2020-01-01", "2020-03-01", None)
    assert found.quantiles["0.5"] == "2020-01-02"
    assert found.histogram is not None
    assert found.histogram.edges[0] == "2020-01-01"


def test_unit_is_said_when_all_share_it():
    assert column(["12%", "3 %"]).unit == "%"
    assert column(["$12.50", "$3"]).unit == "$"
    assert column(["12%", "3.5"]).unit == ""


def test_cells_of_another_kind_are_counted_with_their_rows():
    found = column(["1"] * 20 + ["about 3"])
    assert (found.kind, found.others.count, found.others.rows, found.others.examples) == (
        "integer",
        1,
        (21,),
        ("about 3",),
    )


def test_decimal_commas_stay_text_and_are_told():
    found = column(["1.234,5", "7,25", "12,0"])
    assert (found.kind, found.decimal_commas.count, found.mean) == ("text", 3, None)


def test_garbled_text_is_found_and_good_accents_are_not():
    assert column(["cafÃ©", "donâ€™t", "SÃO PAULO", "São Paulo", "Ângela"]).garbled.rows == (1, 2)


def test_repeated_rows_and_columns_are_found():
    found = profile(["a", "b", "c"], [("1", "1", "x"), ("2", "2", "y"), ("1", "1", "x")])
    assert (found.repeated.count, found.repeated.rows, found.compared) == (1, (3,), 3)
    assert [each.copy_of for each in found.columns] == [None, "a", None]


def test_large_column_is_estimated_and_says_so():
    rng = random.Random(3)
    numbers = [rng.gauss(0, 1) for _ in range(60_000)] + [2.5] * 5_000
    found = column([repr(n) for n in numbers])
    assert (found.kind, found.present, found.exact) == ("number", 65_000, False)
    assert (found.minimum, found.maximum) == (min(numbers), max(numbers))
    assert found.mean == pytest.approx(np.mean(numbers))
    assert found.std == pytest.approx(np.std(numbers, ddof=1))
    assert found.distinct == pytest.approx(60_001, rel=0.05)
    assert np.mean(np.array(numbers) <= found.quantiles["0.5"]) == pytest.approx(0.5, abs=0.02)
    assert found.histogram is not None
    assert sum(found.histogram.counts) == pytest.approx(65_000, rel=0.001)
    assert found.top[0][0] == "2.5"


def test_memory_stays_bounded():
    profiler = TableProfiler([f"c{n}" for n in range(60)])
    for row in range(3_600):
        profiler.add([f"{row}-{n}-{'x' * 300}" for n in range(60)])
    assert sum(len(each._counts) for each in profiler._columns) <= 200_000
    assert max(len(value) for value in profiler._columns[0]._counts) < 250
    assert not profiler.result().columns[0].exact


def test_huge_numbers_give_no_infinity():
    found = column(["1e308", "-1e308", "1.7e308", "1e-300"])
    assert found.std is None
    assert found.mean is None or math.isfinite(found.mean)


def test_json_gives_the_profile_back():
    found = profile(["day", "n"], [("2020-01-01", "1"), ("2020-01-05", "2.5")])
    assert read_profile(found.to_json()) == found
    assert isinstance(read_profile(found.to_json()), TableProfile)


@pytest.mark.skipif(not CATALOG.exists(), reason="the catalog of real tables is not here")
def test_real_tables_are_profiled():
    profiler = TableProfiler(["id", "rows", "licence"])
    with (CATALOG / "datasets_5000_index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            profiler.add((row["id"], row["rows"], row["licence"]))
    by_name = {each.name: each for each in profiler.result().columns}
    assert [by_name[name].kind for name in ("id", "rows", "licence")] == ["id", "integer", "category"]
