from apps.chat.column_words import HEIGHT, bars_of, describe_columns
from core.datasets.profile import TableProfile, TableProfiler


def _profile(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> TableProfile:
    profiler = TableProfiler(header, title="Boats")
    for row in rows:
        profiler.add(row)
    return profiler.result()


BOATS = _profile(
    ("name", "price", "kind"),
    [(f"Boat {n} of the lake", str(n * 10) if n % 4 else "", "row" if n % 3 else "sail") for n in range(40)],
)


def test_a_column_says_what_it_holds_and_what_is_missing() -> None:
    name, price, kind = describe_columns(BOATS, {"price": "Pounds an hour"})
    assert price.holds.startswith("10 to 390, mean ")
    assert price.missing == "10 missing (25%)"
    assert price.meaning == "Pounds an hour"
    assert kind.holds == "2 different: row, sail"
    assert name.holds.startswith("40 different: ")
    assert name.holds.endswith(", …")


def test_bars_are_as_high_as_their_counts_and_the_highest_fills_the_height() -> None:
    _, price, kind = BOATS.columns
    bars = bars_of(kind)
    assert [bar.words for bar in bars] == ["row: 26", "sail: 14"]
    assert bars[0].height == HEIGHT
    assert bars[1].height == HEIGHT * 14 / 26
    assert max(bar.height for bar in bars_of(price)) == HEIGHT


def test_a_column_that_holds_nothing_says_so() -> None:
    (empty,) = describe_columns(_profile(("a",), [("",), ("",)]), {})
    assert (empty.holds, empty.bars) == ("Nothing", ())
