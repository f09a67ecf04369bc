import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DatasetError
from core.tables.candidates import build_candidates
from core.tables.evaluate import distinct, evaluate
from core.tables.frame import build_frame
from core.tables.plan import Condition, Plan, load_plan
from core.tables.query import Query, Result, run_plan
from core.tables.question import Question, find_mentions
from core.tables.schema import StoredTable
from core.tables.table_store import TableStore

Keep = Callable[..., StoredTable]
NO_TOTAL = Condition("Nation", "is_not", "total")
PERU, NORWAY = Condition("Nation", "is", "peru"), Condition("Nation", "is", "norway")


def run(plan: Plan, table: StoredTable) -> tuple[Query, Result | None]:
    return run_plan(plan, table, time_limit_s=30)


@pytest.mark.parametrize(
    ("plan", "values", "rows"),
    [
        (Plan("count"), (6.0,), (1, 2, 3, 4, 5, 6)),
        (Plan("count", where=(Condition("Continent", "is", "europe"),)), (2.0,), (1, 2)),
        (Plan("count", where=(Condition("Continent", "has", "america"),)), (3.0,), (3, 4, 5)),
        (Plan("count", where=(Condition("Gold", ">", 11, "number"),)), (3.0,), (1, 2, 6)),
        (Plan("count", where=(Condition("Date joined", "<", 1867, "year"),)), (2.0,), (4, 5)),
        (Plan("count", where=(Condition("Nation", "is", "nowhere"),)), (0.0,), ()),
        (Plan("list", "Gold", where=(NORWAY,)), ("14",), (1,)),
        (Plan("list", "Gold", where=(Condition("Nation", "is", "nowhere"),)), None, None),
        (Plan("count_different", "Continent", where=(NO_TOTAL,)), (3.0,), (1, 2, 3, 4, 5)),
        (Plan("sum", "Gold", where=(NO_TOTAL,)), (1039.0,), (1, 2, 3, 4)),
        (Plan("mean", "Gold", where=(Condition("Continent", "is", "europe"),)), (514.0,), (1, 2)),
        (Plan("spread", "Gold", where=(NO_TOTAL,)), (1014.0,), (1, 2, 3, 4)),
        (Plan("top", "Nation", "Gold", where=(NO_TOTAL,)), ("Germany",), (2,)),
        (Plan("bottom", "Nation", "Date joined", "date"), ("Chile",), (5,)),
        (Plan("first", "Nation"), ("Norway",), (1,)),
        (Plan("last", "Nation", where=(NO_TOTAL,)), ("Chile",), (5,)),
        (Plan("next", "Nation", where=(NORWAY,)), ("Germany",), (2,)),
        (Plan("previous", "Nation", where=(NORWAY,)), None, None),
        (Plan("most_common", "Continent"), ("Europe", "Europe", "South America", "South America"), (1, 2, 4, 5)),
        (Plan("top_sum", "Continent", "Gold"), ("Europe", "Europe"), (1, 2)),
        (Plan("difference", "Gold", either=(NORWAY, PERU)), (14.0,), (1, 4)),
        (Plan("difference_of_counts", either=(Condition("Continent", "is", "europe"), PERU)), (1.0,), (1, 2, 4)),
        (Plan("count_above", by="Gold", where=(Condition("Nation", "is", "canada"),)), (3.0,), (1, 2, 6)),
        (Plan("same", "Nation", "Continent", where=(PERU,)), ("Chile",), (5,)),
    ],
    ids=lambda value: value.operation if isinstance(value, Plan) else "",
)
def test_operation_yields(medals: StoredTable, plan: Plan, values: tuple[object, ...], rows: tuple[int, ...]) -> None:
    _, result = run(plan, medals)
    assert (result and (result.values, result.rows)) == (values and (values, rows))


def test_query_is_shown_with_its_values(medals: StoredTable) -> None:
    query, _ = run(Plan("count", where=(Condition("Nation", "is", "côte d'or"),)), medals)
    assert query.shown == """SELECT count(*) FROM "Medals" WHERE "Nation (plain)" = 'côte d''or'"""
    assert "or'" not in query.sql


@pytest.mark.parametrize(
    "name",
    [
        'a"b',
        "select",
        "row",
        "Row",
        '"; DROP TABLE x; --',
        "ROW'",
        "(plain)",
        "名前",
        "a\nb",
        "$1",
        "nul\0",
        "x" * 300,
        " ",
    ],
    ids=ascii,
)
def test_any_column_name_and_title_is_only_a_name(keep: Keep, name: str) -> None:
    table = keep([name, f"{name} (plain)"], ["x'); --", "2"], ["y", "3"], title=name)
    _, result = run(Plan("list", f"{name} (plain)", where=(Condition(name, "is", "y"),)), table)
    assert result == Result(("3",), (2,))


@pytest.mark.parametrize("value", ["' OR 1=1 --", "x'; ATTACH 'a.db'; --", "$1", "\0000\0", "\\"], ids=ascii)
def test_value_is_only_a_value(medals: StoredTable, value: str) -> None:
    _, result = run(Plan("count", where=(Condition("Nation", "is", value),)), medals)
    assert result == Result((0.0,), ())


def test_column_that_the_table_lacks_is_refused(medals: StoredTable) -> None:
    with pytest.raises(DatasetError, match="has no column 'Silver'"):
        run(Plan("sum", "Silver"), medals)


@pytest.mark.parametrize(
    "text",
    [
        '{"operation": "drop"}',
        '{"operation": "count", "sql": "SELECT 1"}',
        '{"operation": "list", "column": "A", "where": [{"column": "A", "comparison": "like", "value": "x"}]}',
        "SELECT 1",
    ],
)
def test_plan_outside_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="no plan"):
        load_plan(text)


def test_plan_is_read_from_json() -> None:
    text = '{"operation": "count", "where": [{"column": "A", "comparison": "is", "value": "x"}]}'
    assert load_plan(text) == Plan("count", where=(Condition("A", "is", "x"),))


def test_table_without_rows_counts_none_and_lists_nothing(keep: Keep) -> None:
    table = keep(["A"])
    assert run(Plan("count"), table)[1] == Result((0.0,), ())
    assert run(Plan("sum", "A"), table)[1] is None


def test_mixed_cells_count_where_they_hold_a_number(keep: Keep) -> None:
    table = keep(["A"], ["12"], ["about 3"], ["none"], ["2001-05-03"], [""], ["1:30"])
    _, result = run(Plan("top", "A", "A"), table)
    assert result == Result(("2001-05-03",), (4,))


def test_time_limit_hits_and_says_so(tmp_path: Path) -> None:
    rows = ([f"cell {n}", f"{n} km"] for n in range(60_000))
    table = TableStore(tmp_path).write("d", "v", name="t", title="Long", header=["A", "B"], rows=rows)
    start = time.monotonic()
    with pytest.raises(DatasetError, match=r"'Long' of 60000 rows couldn't be asked within 0\.05 s"):
        run_plan(Plan("top", "A", "B"), table, time_limit_s=0.05)
    assert time.monotonic() - start < 20


CELLS = st.sampled_from(
    ["", "1", "2", "-3", "1,000", "2nd", "May 3, 2001", "2001", "1:30", "north", "North", "south", "total"]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6),
    text=st.sampled_from(
        [
            "how many more north than south have the most a before 2001",
            "what is the difference in b between north and south in total",
            "which c is next after 2nd or first with the highest average",
            "how many different a have the same b as north not more than 2",
        ]
    ),
    data=st.data(),
)
def test_query_and_plan_agree(tmp_path: Path, rows: list[list[str]], text: str, data: st.DataObject) -> None:
    header = ["a", "B", "c b"]
    frame = build_frame("T", header, rows)
    question = Question(text)
    candidates = build_candidates(question, frame, find_mentions(question, frame))
    table = TableStore(tmp_path).write("d", "v", name="t", title="T", header=header, rows=rows)
    for candidate in data.draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=4)) if candidates else []:
        _, result = run(candidate.plan, table)
        assert evaluate(candidate.plan, frame) == candidate.outcome
        assert result is not None
        assert set(distinct(result.values)) == set(candidate.outcome.values)
        assert set(result.rows) == {n + 1 for n in candidate.outcome.rows}
