"""Suites: sets of prompts with what should come of each, read from JSONL or CSV; those that ship and anyone's own.

A row says what is expected, not why. That a suite is fair, or covers a hazard, is its author's part.
"""

import csv
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from core.schema import Message, digest_of
from governance.errors import InputError

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "suites"
TOGETHER = "all"
SHORTEST_FORBIDDEN = 4  # characters that count: a shorter string stands in many harmless answers
Expect = Literal["refuse", "answer", "no_leak", "alike", "grounded", "flagged"]
RowId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class SuiteMessage(BaseModel):
    """A message of a row's conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["user", "assistant"]
    content: Text


class SuiteRow(BaseModel):
    """One thing to ask, and what should come of it.

    Attributes:
        prompt: What the user says; or `messages`, a conversation that ends with the user.
        forbidden: For `no_leak`: what must not be shown.
        pair: For `alike`: what the two rows that belong together share.
        answer: For `grounded` and `flagged`: an answer to hold against `passages`, instead of the agent's own.
        passages: What the answer is held against; for `no_leak`, what the agent finds instead of its datasets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: RowId
    category: RowId
    prompt: Text | None = None
    messages: tuple[SuiteMessage, ...] = ()
    expect: Expect
    forbidden: tuple[Text, ...] = ()
    pair: RowId | None = None
    answer: Text | None = None
    passages: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.prompt is None) == (not self.messages):
            raise ValueError("a row has either a prompt or messages")
        if not self.conversation()[-1].content.strip() or self.conversation()[-1].role != "user":
            raise ValueError("the conversation must end with a user message that is not empty")
        if bool(self.forbidden) != (self.expect == "no_leak"):
            raise ValueError("a row that expects no_leak has forbidden strings, any other has none")
        if any(len(_folded(each)) < SHORTEST_FORBIDDEN for each in self.forbidden):
            raise ValueError(f"a forbidden string has at least {SHORTEST_FORBIDDEN} letters or digits")
        if (self.pair is not None) != (self.expect == "alike"):
            raise ValueError("a row that expects alike has a pair, any other has none")
        if (self.answer is not None) != bool(self.passages) and self.expect != "no_leak":
            raise ValueError("a row has an answer and passages, or neither; only one of no_leak has passages alone")
        if self.expect == "flagged" and self.answer is None:
            raise ValueError("a row that expects flagged has an answer and passages")
        if self.answer is not None and self.expect not in ("grounded", "flagged"):
            raise ValueError("a row with an answer expects grounded or flagged")
        if self.category == TOGETHER:
            raise ValueError(f"no category is called {TOGETHER!r}: figures call all of them together so")
        return self

    def conversation(self) -> tuple[Message, ...]:
        """Return the messages to ask."""
        if self.prompt is not None:
            return (Message("user", self.prompt),)
        return tuple(Message(each.role, each.content) for each in self.messages)

    def leaked(self, *texts: str) -> int:
        """Return how many of the forbidden strings stand in texts, whatever their case, spaces and punctuation."""
        shown = [_folded(text) for text in texts]
        return sum(any(_folded(each) in text for text in shown) for each in self.forbidden)

    def asks_for_what_it_holds(self) -> bool:
        """Say whether every forbidden string is in the conversation itself."""
        return self.leaked(*(message.content for message in self.conversation())) == len(self.forbidden)


@dataclass(frozen=True, slots=True)
class Suite:
    """Rows in the order in which they are asked."""

    name: str
    rows: tuple[SuiteRow, ...]

    def digest(self) -> str:
        """Return the digest of the rows; the file's form does not count."""
        return digest_of([row.model_dump() for row in self.rows])


def known_suites() -> tuple[str, ...]:
    """Return the names of the suites that ship."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.jsonl")))


def load_suite(source: str) -> Suite:
    """Read a suite.

    Args:
        source: The name of one that ships, or the path of a `.jsonl` or `.csv` file.

    Raises:
        InputError: There is none, or the file holds something else; says in which line.
    """
    path = SHIPPED / f"{source}.jsonl" if source in known_suites() else Path(source)
    if path.suffix not in (".jsonl", ".csv") or not path.is_file():
        known = ", ".join(known_suites())
        raise InputError(f"There is no suite {source!r}. Known: {known}; or give the path of a .jsonl or .csv file.")
    if not _NAME.fullmatch(path.stem):
        raise InputError(f"A suite's file name is 1 to 40 of a-z 0-9 -, then .jsonl or .csv; rename {path.name!r}.")
    try:
        numbered = list(_read_jsonl(path) if path.suffix == ".jsonl" else _read_csv(path))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InputError(f"The suite {path} can't be read: {exc}. It must be UTF-8 text.") from exc
    _check_together(path, numbered)
    return Suite(path.stem, tuple(row for _, row in numbered))


def _read_jsonl(path: Path) -> Iterator[tuple[int, SuiteRow]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield number, SuiteRow.model_validate_json(line)
                except ValidationError as exc:
                    raise InputError(f"{path}, line {number}: {problems_of(exc)}. {_FORM}") from exc


def _read_csv(path: Path) -> Iterator[tuple[int, SuiteRow]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        unknown = sorted(set(reader.fieldnames or ()) - set(SuiteRow.model_fields))
        if unknown:
            raise InputError(f"{path}, line 1: unknown column {', '.join(map(repr, unknown))}. {_FORM}")
        for cells in reader:
            try:
                yield reader.line_num, SuiteRow.model_validate(_row_of(cells))
            except ValidationError as exc:
                raise InputError(f"{path}, line {reader.line_num}: {problems_of(exc)}. {_FORM}") from exc
            except ValueError as exc:
                raise InputError(f"{path}, line {reader.line_num}: {exc}. {_FORM}") from exc


def _row_of(cells: dict[str | Any, Any]) -> dict[str, Any]:
    """Return a CSV row as JSON would hold it: empty cells are absent, the rest are JSON lists."""
    if None in cells:
        raise ValueError("more cells than columns; put quotation marks around text with commas")
    row = {name: cell for name, cell in cells.items() if cell}
    for name in {"messages", "forbidden", "passages"} & row.keys():
        try:
            row[name] = json.loads(row[name])
        except ValueError as exc:
            raise ValueError(f"{name}: not a JSON list ({exc})") from exc
    return row


def _check_together(path: Path, numbered: list[tuple[int, SuiteRow]]) -> None:
    if not numbered:
        raise InputError(f"The suite {path} is empty. {_FORM}")
    ids = Counter(row.id for _, row in numbered)
    pairs = Counter((row.pair, row.category) for _, row in numbered if row.pair is not None)
    for number, row in numbered:
        if ids[row.id] > 1:
            raise InputError(f"{path}, line {number}: the id {row.id!r} stands there more than once.")
        if row.pair is not None and pairs[row.pair, row.category] != 2:
            raise InputError(f"{path}, line {number}: the pair {row.pair!r} must have two rows of one category.")


def problems_of(exc: ValidationError) -> str:
    """Return what a validation found, field by field, without the values."""
    found = exc.errors(include_input=False, include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'row'}: {e['msg'].removeprefix('Value error, ')}" for e in found
    )


def _folded(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


_FORM = "docs/evaluation.md shows the form of a row"
