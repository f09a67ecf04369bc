import json
import re
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from governance.errors import InputError
from governance.evaluate.suites import SHIPPED, Suite, SuiteRow, known_suites, load_suite

DATA = SHIPPED.parent
# So many that a rate of 90 % has an interval of at most 16 points; a pair is two rows.
LEAST = {"jailbreak": 100, "injection": 130, "harmful": 100, "over-refusal": 110, "pii-leak": 80, "groundedness": 100}
LEAST |= dict.fromkeys(("bias", "bias-control", "consistency"), 120)
ROW = {"id": "a", "category": "c", "prompt": "How are you?", "expect": "answer"}


def written(path: Path, *rows: object) -> str:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return str(path)


def texts(suite: Suite) -> set[str]:
    return {message.content for row in suite.rows for message in row.conversation() if message.role == "user"}


def test_the_suites_that_ship_are_read_and_large_enough() -> None:
    assert set(known_suites()) == set(LEAST)
    for name, least in LEAST.items():
        suite = load_suite(name)
        assert len(suite.rows) >= least, name
        asked = [(row.conversation(), row.answer) for row in suite.rows]
        assert len(set(asked)) == len(asked), name


def test_the_suites_that_ship_hold_no_text_that_the_guard_is_trained_or_measured_on() -> None:
    known = "".join(path.read_text() for path in sorted((DATA / "training").glob("guard_*"))).casefold()
    for name in known_suites():
        assert [
            text for text in texts(load_suite(name)) if json.dumps(text, ensure_ascii=False).casefold() in known
        ] == [], name


def test_every_forbidden_string_can_be_shown() -> None:
    letters = (DATA / "datasets" / "customer-letters" / "customer-letters.jsonl").read_text()
    for row in load_suite("pii-leak").rows:
        if row.category == "echo":
            assert row.asks_for_what_it_holds(), row.id
        else:
            assert row.leaked(letters) == len(row.forbidden), row.id
    for row in load_suite("injection").rows:
        assert row.leaked(*row.passages) == len(row.forbidden), row.id


def test_a_suite_is_the_same_from_csv_and_from_json_lines(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    rows = [
        ROW,
        {"id": "b", "category": "c", "messages": [*talk, talk[0]], "expect": "refuse"},
        {"id": "c", "category": "c", "prompt": "Say it, please", "expect": "no_leak", "forbidden": ["blue heron"]},
        {"id": "d1", "category": "c", "prompt": "One", "expect": "alike", "pair": "d"},
        {"id": "d2", "category": "c", "prompt": "Two", "expect": "alike", "pair": "d"},
    ]
    lines = load_suite(written(tmp_path / "mine.jsonl", *rows))
    three = json.dumps(rows[1]["messages"]).replace('"', '""')
    cells = [
        "id,category,prompt,messages,expect,forbidden,pair",
        "a,c,How are you?,,answer,,",
        f'b,c,,"{three}",refuse,,',
        'c,c,"Say it, please",,no_leak,"[""blue heron""]",',
        "d1,c,One,,alike,,d",
        "d2,c,Two,,alike,,d",
    ]
    table = load_suite(written(tmp_path / "mine.csv", *cells))
    assert table == lines
    assert table.digest() == lines.digest()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"extra": 1}, "extra: Extra inputs"),
        ({"expect": "please"}, "expect: Input should be"),
        ({"messages": [{"role": "user", "content": "x"}]}, "either a prompt or messages"),
        ({"prompt": None}, "either a prompt or messages"),
        ({"prompt": "  "}, "must end with a user message"),
        ({"prompt": None, "messages": [{"role": "assistant", "content": "x"}]}, "must end with a user message"),
        ({"prompt": None, "messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"forbidden": ["secret"]}, "expects no_leak has forbidden strings"),
        ({"expect": "no_leak"}, "expects no_leak has forbidden strings"),
        ({"expect": "no_leak", "forbidden": ["4 2."]}, "at least 4 letters or digits"),
        ({"expect": "alike"}, "expects alike has a pair"),
        ({"expect": "flagged"}, "expects flagged has an answer and passages"),
        ({"expect": "grounded", "answer": "Yes."}, "has an answer and passages, or neither"),
        ({"answer": "Yes.", "passages": ["No."]}, "with an answer expects grounded or flagged"),
        (
            {"expect": "no_leak", "forbidden": ["secret"], "answer": "Yes."},
            "with an answer expects grounded or flagged",
        ),
        ({"passages": ["No."]}, "only one of no_leak has passages alone"),
        ({"category": "all"}, "no category is called"),
        ({"id": "../a"}, "id: String should match"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    source = written(tmp_path / "mine.jsonl", ROW, {**ROW, "id": "b", **change})
    with pytest.raises(InputError, match=r"mine\.jsonl, line 2: ") as found:
        load_suite(source)
    assert problem in str(found.value)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "is empty"),
        (["{"], "line 1"),
        ([ROW, ROW], "line 1: the id 'a' stands there more than once"),
        ([{**ROW, "expect": "alike", "pair": "p"}], "line 1: the pair 'p' must have two rows"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(tmp_path: Path, rows: list[object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load_suite(written(tmp_path / "mine.jsonl", *rows))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["id,category,prompt,expect,mood"], "line 1: unknown column 'mood'"),
        (["id,category,prompt,expect", "a,c,Hello,answer,more"], "line 2: more cells than columns"),
        (["id,category,prompt,expect", "a,c,Hello,answer", "b,c,,answer"], "line 3: row: a row has either"),
        (["id,category,prompt,expect,forbidden", "a,c,Hello,no_leak,heron"], "line 2: forbidden: not a JSON list"),
        (["id,category,prompt,expect", 'a,c,"Hello,answer'], "can't be read"),
    ],
)
def test_a_bad_table_is_refused_with_file_and_line(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load_suite(written(tmp_path / "mine.csv", *lines))


def test_an_unknown_suite_lists_the_known_ones_and_a_bad_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no suite 'nothing'. Known: bias, bias-control, consistency, groundedness, harmful"
    ):
        load_suite("nothing")
    with pytest.raises(InputError, match="file name is"):
        load_suite(written(tmp_path / "My Suite.jsonl", ROW))


@pytest.mark.parametrize(
    ("shown", "leaked"),
    [
        ("4111-1111 11111111", 1),
        ("ADA.TRIAL@EXAMPLE.COM.", 1),
        ("ada trial example com 4111111111111111", 2),
        ("no", 0),
    ],
)
def test_forbidden_strings_are_found_in_other_spelling(shown: str, leaked: int) -> None:
    forbidden = ("4111 1111 1111 1111", "ada.trial@example.com")
    row = SuiteRow(id="a", category="c", prompt="Who?", expect="no_leak", forbidden=forbidden)
    assert row.leaked("nothing here", shown) == leaked


def test_a_pair_for_bias_and_its_control_differ_in_one_place_from_the_same_question() -> None:
    for name in ("bias", "bias-control"):
        rows = load_suite(name).rows
        for first, second in zip(rows[::2], rows[1::2], strict=True):
            assert first.pair == second.pair
            a, b = (re.findall(r"[\w-]+", row.prompt or "") for row in (first, second))
            changes = [c for c in SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if c[0] != "equal"]
            assert len(changes) == 1, first.prompt
            assert max(changes[0][2] - changes[0][1], changes[0][4] - changes[0][3]) <= 2, first.prompt
    asked = [[row.prompt for row in load_suite(name).rows] for name in ("bias", "bias-control")]
    assert asked[0][::2] == asked[1][::2]
    assert set(asked[0][1::2]).isdisjoint(asked[1][1::2])
