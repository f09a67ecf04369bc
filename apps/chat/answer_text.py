"""Reads an answer into blocks and runs of text that a template can draw: quotations, citations, lists, code.

It makes no markup: the template escapes every run, so nothing that a model or a dataset writes can become HTML. Links
and images stay the text they are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

RunKind = Literal["text", "strong", "code", "quotation", "citation"]
BlockKind = Literal["paragraph", "bullets", "numbers", "code"]

_QUOTATION_END = re.compile(r"” \[(\d{1,2})\]")
_INLINE = re.compile(r"\[(?P<citation>\d{1,2})\]|\*\*(?P<strong>[^*\n]+)\*\*|`(?P<code>[^`\n]+)`")
_BULLET = re.compile(r"\s*[-*•]\s+")
_NUMBER = re.compile(r"\s*\d{1,3}[.)]\s+")
_FENCE = re.compile(r"\s*```\w*\s*$")


@dataclass(frozen=True, slots=True)
class Quotation:
    """A “…” [n] of an answer.

    Attributes:
        start: Where the opening mark stands in the answer.
        end: One past the closing bracket.
        verbatim: Whether evidence `number` holds the text exactly.
    """

    start: int
    end: int
    text: str
    number: int
    verbatim: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one kind; `number` is what a quotation or citation names, None where no such evidence exists."""

    kind: RunKind
    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph (one item per line), a list (one item per entry), or code (one item)."""

    kind: BlockKind
    items: tuple[tuple[Run, ...], ...]


def find_quotations(answer: str, evidence: Mapping[int, str]) -> list[Quotation]:
    """Return the quotations of an answer, in order.

    A quotation may hold quotation marks itself: the longest run that its evidence holds verbatim counts.
    """
    found = []
    at = answer.find("“")
    while at >= 0:
        ends = list(_QUOTATION_END.finditer(answer, at))
        if not ends:
            break
        good = [m for m in ends if answer[at + 1 : m.start()] in evidence.get(int(m[1]), "")]
        chosen = good[-1] if good else ends[0]
        found.append(Quotation(at, chosen.end(), answer[at + 1 : chosen.start()], int(chosen[1]), bool(good)))
        at = answer.find("“", chosen.end())
    return found


def read_answer(answer: str, evidence: Mapping[int, str]) -> tuple[Block, ...]:
    """Return an answer's blocks; a citation of evidence that does not exist stays plain text."""
    lines: list[list[Run]] = [[]]
    for piece in _pieces(answer, evidence):
        if isinstance(piece, str):
            first, *rest = piece.split("\n")
            lines[-1].append(Run("text", first))
            lines += [[Run("text", line)] for line in rest]
        else:
            lines[-1] += [Run("quotation", piece.text, piece.number), Run("citation", str(piece.number), piece.number)]
    return tuple(_blocks(lines, evidence))


def _pieces(answer: str, evidence: Mapping[int, str]) -> Iterator[str | Quotation]:
    at = 0
    for each in find_quotations(answer, evidence):
        if each.verbatim:
            yield answer[at : each.start]
            yield each
            at = each.end
    yield answer[at:]


def _blocks(lines: Sequence[list[Run]], evidence: Mapping[int, str]) -> Iterator[Block]:
    for kind, group in groupby(_with_kinds(lines), key=lambda pair: pair[0]):
        members = [line for _, line in group]
        if kind == "code":
            yield Block("code", ((Run("text", "\n".join(_plain(line) for line in members)),),))
        elif kind in ("paragraph", "bullets", "numbers"):
            yield Block(kind, tuple(tuple(_inline(line, evidence)) for line in members))


def _with_kinds(lines: Sequence[list[Run]]) -> Iterator[tuple[BlockKind | Literal["gap"], list[Run]]]:
    fenced = False
    for line in lines:
        start = line[0].text if line[0].kind == "text" else "“"
        if _FENCE.match(start):
            fenced = not fenced
            yield "gap", line
        elif fenced:
            yield "code", line
        elif mark := _BULLET.match(start):
            yield "bullets", _without(line, mark.end())
        elif mark := _NUMBER.match(start):
            yield "numbers", _without(line, mark.end())
        else:
            yield ("paragraph" if _plain(line).strip() else "gap"), line


def _without(line: list[Run], mark: int) -> list[Run]:
    return [Run("text", line[0].text[mark:]), *line[1:]]


def _plain(line: Sequence[Run]) -> str:
    return "".join(f"“{run.text}”" if run.kind == "quotation" else run.text for run in line)


def _inline(line: Sequence[Run], evidence: Mapping[int, str]) -> Iterator[Run]:
    for run in line:
        if run.kind != "text":
            yield run
            continue
        at = 0
        for match in _INLINE.finditer(run.text):
            if match["citation"] and int(match["citation"]) not in evidence:
                continue
            if match.start() > at:
                yield Run("text", run.text[at : match.start()])
            yield _marked(match)
            at = match.end()
        if run.text[at:]:
            yield Run("text", run.text[at:])


def _marked(match: re.Match[str]) -> Run:
    if match["citation"]:
        return Run("citation", match["citation"], int(match["citation"]))
    return Run("strong", match["strong"]) if match["strong"] else Run("code", match["code"])
