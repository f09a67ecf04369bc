"""The release gate: an answer's text goes in as it is generated, and comes out only once the output rails passed it.

It holds back only what may still become a violation: with rails that judge locally (`StreamRail`) at most 64
characters, and for most prose the unfinished last word and the few characters until the rails look again; with any
other rail the unfinished sentence. A rail that can only end an answer with a notice (`ClosingRail`) looks at the whole
once it is over. What comes out equals the whole text masked at once, up to the first violation that the policy blocks.
A rail that raises or is late stops the stream. It doesn't see what an answer implies, only what its rails find.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from governance.errors import RailError
from governance.policy import Ruling
from governance.policy.policy import RAIL_FAILED
from governance.rails import WINDOW, Masker, RailRunner, StreamRail, merge_spans
from governance.rails.claims import sentence_ends
from governance.rails.pattern_rail import BEHIND
from governance.schema import Decision, Finding, Rail

MAX_SENTENCE = 700  # characters: a quotation of the longest kind, what leads to it and its number
STEP = 24  # new characters from which the rails look again: a look costs more than the wait for a few characters
LOOK_AGAIN = 32  # released characters that are looked at again, to notice a rail that is not as local as it says
CHECK_FAILED = "I stopped here, because a safety check did not work. Please try again later."

Judge = Callable[[Sequence[Finding]], Ruling]


@dataclass(frozen=True, slots=True)
class _Tail:
    """A rail that reports only what begins at `start` or later, so that a text cut off before is context alone."""

    rail: StreamRail
    start: int

    @property
    def name(self) -> str:
        return self.rail.name

    @property
    def version(self) -> str:
        return self.rail.version

    def inspect(self, text: str) -> list[Finding]:
        return self.rail.inspect_from(text, self.start)


@dataclass(frozen=True, slots=True)
class AtEnd:
    """A rail for the answer once it is over, because the policy lets pass all that it can find."""

    rail: Rail
    closes: bool = True

    @property
    def name(self) -> str:
        """Return the rail's name."""
        return self.rail.name

    @property
    def version(self) -> str:
        """Return the rail's version."""
        return self.rail.version

    def inspect(self, text: str) -> list[Finding]:
        """Return the rail's findings."""
        return self.rail.inspect(text)


@dataclass(frozen=True, slots=True)
class _View:
    """What the rails say of the text so far.

    Attributes:
        findings: From where the gate still has to decide.
        edge: Up to here nothing can appear or change.
    """

    findings: list[Finding]
    edge: int


class ReleaseGate:
    """Checks one answer while it is generated. Not for several threads."""

    def __init__(self, rails: Sequence[Rail], *, runner: RailRunner, judge: Judge, masker: Masker) -> None:
        """Take what checks, what decides and what masks.

        Args:
            rails: The output rails.
            runner: Runs them under a deadline.
            judge: The policy's ruling on findings in this answer.
            masker: Shared with the turn's input, so that a value keeps its label.
        """
        self._closing = [rail for rail in rails if hasattr(rail, "closes")]
        streamed = [rail for rail in rails if not hasattr(rail, "closes")]
        self._local = [rail for rail in streamed if _is_streamed(rail)]
        self._sentence = [rail for rail in streamed if not _is_streamed(rail)]
        self._runner, self._judge, self._masker = runner, judge, masker
        self._text = ""
        self._done = 0
        self._sentences_done = 0
        self._looked = 0
        self._of_sentences: list[Finding] = []
        self._settled: dict[tuple[str, str, int], Finding] = {}
        self._stop: Decision | None = None
        self.rail_ms: dict[str, float] = {}
        self.held_chars = 0
        self.max_held_chars = 0

    @property
    def stopped(self) -> bool:
        """Say whether a violation or a failed check ended the answer."""
        return self._stop is not None

    @property
    def decision(self) -> Decision:
        """Return the decision on what was settled so far."""
        return self._stop or self._judge(self.findings).decision

    @property
    def notices(self) -> tuple[str, ...]:
        """Return the sentences that what was settled so far asks the answer to carry."""
        return self._judge(self.findings).notices

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the findings that can't change any more, with spans into the generated text."""
        return tuple(sorted(self._settled.values(), key=lambda f: (f.start, f.end, f.rail, f.category)))

    def push(self, text: str) -> str:
        """Take a generated piece and return what may be released now."""
        return self._advance(text, final=False)

    def finish(self) -> str:
        """Return what may be released of the rest, now that no more text comes."""
        return self._advance("", final=True)

    def _advance(self, text: str, *, final: bool) -> str:
        if self.stopped:
            return ""
        self._text += text
        held = self.held_chars + len(text)  # less what stands in a violation that goes on: it never comes out
        if not final and len(self._text) - self._looked < STEP and held <= WINDOW:
            self.held_chars = held
            self.max_held_chars = max(self.max_held_chars, held)
            return ""
        self._looked = len(self._text)
        try:
            view = self._look(final=final)
        except RailError as exc:
            self._stop = Decision("block", str(exc), RAIL_FAILED, CHECK_FAILED)
            self.held_chars = len(self._text) - self._done
            return ""
        released = self._release(view, final=final)
        self.max_held_chars = max(self.max_held_chars, self.held_chars)
        return released

    def _look(self, *, final: bool) -> _View:
        """Run the rails on what is not decided yet, with as much before it as their rules look at."""
        again = max(0, self._done - LOOK_AGAIN)
        base = max(0, again - BEHIND)
        window = self._text[base:]
        results, rail_ms = self._runner.run([(_Tail(rail, again - base), window) for rail in self._local])
        self._add_times(rail_ms)
        findings = [_moved(finding, base) for result in results for finding in result]
        undecided = [len(window), *(rail.undecided_from(window) for rail in self._local)]
        edge = len(self._text) if final else base + min(undecided)
        if self._sentence:
            edge = min(edge, self._look_at_sentences(final=final))
            findings += [f for f in self._of_sentences if f.end > self._done]
        if final and self._closing:
            results, rail_ms = self._runner.run([(rail, self._text) for rail in self._closing])
            self._add_times(rail_ms)
            findings += [finding for result in results for finding in result]
        return _View(findings, edge)

    def _look_at_sentences(self, *, final: bool) -> int:
        """Run the rails that need whole sentences on those that are complete, and return where these end."""
        start = self._sentences_done
        ends = sentence_ends(self._text[start:])
        is_over = final or len(self._text) - start > MAX_SENTENCE
        end = len(self._text) if is_over else start + max(ends, default=0)
        if end > start:
            results, rail_ms = self._runner.run([(rail, self._text[start:end]) for rail in self._sentence])
            self._add_times(rail_ms)
            self._of_sentences += [_moved(finding, start) for result in results for finding in result]
            self._sentences_done = end
        return self._sentences_done

    def _release(self, view: _View, *, final: bool) -> str:
        """Return the text up to the first place that is undecided, masked; note what was settled."""
        actions = self._judge(view.findings).actions
        violations = [f for f, action in zip(view.findings, actions, strict=True) if action != "allow"]
        refused = [f for f, action in zip(view.findings, actions, strict=True) if action in ("block", "escalate")]
        closing = {rail.name for rail in self._closing}
        if any(f.start < self._done < f.end or (f.start < self._done and f.rail in closing) for f in violations):
            reason = "a violation was found in text that had been released; a rail is not as local as it says"
            self._stop = Decision("block", reason, RAIL_FAILED, CHECK_FAILED)
            return ""
        out: list[str] = []
        limit, swallowed = view.edge, 0
        for span in merge_spans(f for f in violations if f.end > self._done):
            closed = final or (span.end <= view.edge and span.end < len(self._text))
            certain = closed or span.start <= min(view.edge, len(self._text) - WINDOW)
            blocking = [f for f in refused if span.start <= f.start < span.end]
            if certain and blocking:
                return "".join(out) + self._refuse(span.start, blocking)
            if not closed:
                limit = min(limit, span.start)
                swallowed = span.end - span.start if certain else 0
                break
            label = self._masker.label(span.category, self._text[span.start : span.end])
            out += [self._text[self._done : span.start], label]
            self._done = span.end
        out.append(self._text[self._done : limit])
        self._done = max(self._done, limit)
        self._settle(f for f in view.findings if f.start < self._done)
        self.held_chars = len(self._text) - self._done - swallowed
        return "".join(out)

    def _refuse(self, place: int, blocking: Sequence[Finding]) -> str:
        """Stop for good, and return what stood before the violation."""
        self._settle(blocking)
        self._stop = self._judge(blocking).decision
        before = self._text[self._done : place]
        self._done, self.held_chars = place, 0
        return before

    def _settle(self, findings: Iterable[Finding]) -> None:
        self._settled |= {(finding.rail, finding.category, finding.start): finding for finding in findings}

    def _add_times(self, rail_ms: dict[str, float]) -> None:
        for name, ms in rail_ms.items():
            self.rail_ms[name] = self.rail_ms.get(name, 0.0) + ms


def _is_streamed(rail: Rail) -> TypeGuard[StreamRail]:
    """Say so by one member: `isinstance` looks at all of a protocol's, which costs more than a look of the rail."""
    return hasattr(rail, "undecided_from")


def _moved(finding: Finding, by: int) -> Finding:
    return replace(finding, start=finding.start + by, end=finding.end + by) if by else finding
