"""The rail of groundedness: each sentence of an answer is held against the passages that it cites.

A verbatim quotation with the right number is supported by definition and costs nothing. Other sentences are weighed by
a small model that reads words, numbers and names, and not meaning: a fair summary in other words may be flagged, and
an error in the passages' own words may pass. Figures with their intervals: `python -m benchmarks.groundedness`.
"""

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.schema import Evidence, Support, digest_of
from governance.quotations import Quotation, read_quotations
from governance.rails.claims import Sentence, is_verbatim, read_sentence, read_sentences
from governance.schema import Finding

UNSUPPORTED, UNCITED = "unsupported_claim", "uncited_claim"
WRONG_CITATION, MISQUOTATION = "wrong_citation", "misquotation"
NUMBER, DATE, NAME, OPPOSITE = "number_contradicted", "date_contradicted", "name_contradicted", "opposite_claim"
NEAR = 0.5  # share of a sentence's words in one sentence of the evidence from which a difference contradicts it
VERY_NEAR = 0.8  # the same for a negation or an opposite, which are easily misread
_RULES = "1"
_YEAR = re.compile(r"1[0-9]\d\d|20\d\d")
_MONTHS = "|".join((*calendar.month_name[1:], *calendar.month_abbr[1:]))
_MONTH_STEMS = frozenset(name.lower().removesuffix("e") for name in calendar.month_name[1:])
_CITATION = re.compile(r"\[(\d{1,3})\]")


class SupportModel(Protocol):
    """Says how far passages support a sentence; `core.rag.support.SupportReader` does."""

    @property
    def digest(self) -> str:
        """Return what identifies the weights."""

    @property
    def threshold(self) -> float:
        """Return the score from which a sentence counts as supported."""

    def weigh(self, sentence: str, passages: Sequence[str]) -> Support:
        """Return how far passages, together, support a sentence."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """How many sentences of an answer were held against evidence, and how many it supports."""

    checked: int = 0
    supported: int = 0


class GroundednessRail:
    """The rail before it knows a turn's evidence: `over` gives what checks an answer. Not fit for streams."""

    name = "groundedness"
    categories = frozenset({UNSUPPORTED, UNCITED, WRONG_CITATION, MISQUOTATION, NUMBER, DATE, NAME, OPPOSITE})

    def __init__(self, model: SupportModel) -> None:
        self.version = digest_of([self.name, _RULES, model.digest])
        self._model = model

    def over(self, evidence: Sequence[Evidence]) -> "GroundedRail":
        """Return the rail of a turn with this evidence."""
        return GroundedRail(self.version, self._model, tuple(evidence))

    def inspect(self, text: str) -> list[Finding]:
        """Return what can be found without evidence: citations of what isn't there."""
        return self.over(()).inspect(text)


@dataclass(frozen=True, slots=True)
class GroundedRail:
    """The rail of one turn. Pure; needs whole sentences."""

    version: str
    model: SupportModel
    evidence: tuple[Evidence, ...]

    @property
    def name(self) -> str:
        """Return the rail's name."""
        return GroundednessRail.name

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""
        return [finding for _, findings in self._judged(text) for finding in findings]

    def check(self, text: str) -> Grounding:
        """Count the sentences that claim something, and those that the evidence supports; none without evidence."""
        judged = [findings for is_claim, findings in self._judged(text) if is_claim] if self.evidence else []
        return Grounding(len(judged), sum(all(f.category == UNCITED for f in findings) for findings in judged))

    def _judged(self, text: str) -> Iterator[tuple[bool, list[Finding]]]:
        """Yield, for each sentence, whether it claims something, and its findings."""
        quotations = [each for each in read_quotations(text, self.evidence) if each.is_verbatim]
        known = {each.number for each in self.evidence}
        hidden = _hide(text, quotations)
        for sentence in read_sentences(hidden):
            wrong = [
                self._finding(WRONG_CITATION, 1.0, sentence.start + m.start(), sentence.start + m.end(), m.group())
                for m in _CITATION.finditer(hidden[sentence.start : sentence.end])
                if int(m[1]) not in known
            ]
            quotes = any(sentence.start <= each.start < sentence.end for each in quotations)
            if not self.evidence:
                yield False, wrong
            elif quotes and not sentence.quoted and sentence.is_lead_in:
                yield True, wrong
            elif sentence.is_claim or quotes:
                found = self._weigh(sentence, text)
                yield True, sorted([*wrong, *found], key=lambda f: f.start)
            else:
                yield bool(wrong), wrong

    def _weigh(self, sentence: Sentence, text: str) -> list[Finding]:
        """Return what is wrong with a sentence beside its numbers of passages: one finding, the plainest."""
        cited = [each.text for each in self.evidence if each.number in sentence.cited]
        passages = cited or [each.text for each in self.evidence]
        spelled = read_sentence(text[sentence.start : sentence.end]).text
        support = self.model.weigh(spelled, passages)
        found: tuple[str, float, str] | None = None
        if not all(is_verbatim(each, passages) for each in sentence.quoted):
            found = MISQUOTATION, 1.0, "words between quotation marks that no cited passage holds"
        elif support.numbers_missing and support.shared >= NEAR:
            numbers = ", ".join(support.numbers_missing)
            category = DATE if any(_is_date(each, spelled) for each in support.numbers_missing) else NUMBER
            found = category, max(0.5, 1 - support.score), f"not in the passages: {numbers}"
        elif support.flipped and support.shared >= VERY_NEAR:
            found = OPPOSITE, max(0.5, 1 - support.score), "a negation or an opposite that the nearest sentence lacks"
        elif support.score < self.model.threshold:
            found = _weak(support), 1 - support.score, f"support {support.score:.2f}"
        elif not sentence.cited:
            found = UNCITED, 0.5, f"support {support.score:.2f}, no citation"
        if found is None:
            return []
        category, score, words = found
        return [self._finding(category, round(score, 4), sentence.start, sentence.end, words)]

    def _finding(self, category: str, score: float, start: int, end: int, words: str) -> Finding:
        return Finding(self.name, category, score, start, end, words)


def _weak(support: Support) -> str:
    """Return what a sentence below the threshold is called."""
    if not support.names_missing or support.shared < NEAR:
        return UNSUPPORTED
    return DATE if any(each in _MONTH_STEMS for each in support.names_missing) else NAME


def _is_date(number: str, text: str) -> bool:
    day = rf"\b(?:{_MONTHS})\.? 0?{re.escape(number)}\b|\b0?{re.escape(number)}(?:st|nd|rd|th)? (?:of )?(?:{_MONTHS})\b"
    return _YEAR.fullmatch(number) is not None or re.search(day, text) is not None


def _hide(text: str, quotations: Sequence[Quotation]) -> str:
    """Return a text of the same length in which verbatim quotations are one word each, with the stop at its end."""
    for each in quotations:
        start, end = each.start + 1, each.start + 1 + len(each.text)
        text = f"{text[:start]}{'q' * (len(each.text) - 1)}{each.text[-1:]}{text[end:]}"
    return text
