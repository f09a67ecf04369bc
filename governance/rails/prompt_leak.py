"""The rail for answers that repeat the turn's own instructions or the policy, word for word or in thin disguise.

It compares runs of `RUN` letters and digits with the texts that are kept back: as they are, whatever the case, spaces,
punctuation and look-alike letters; backwards; in rot13, base64 and hex. A run that stands in the evidence or that the
user wrote is no leak. It does not find a paraphrase, a translation, or a copy in which every sixth word is another.
"""

import base64
import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from core.schema import digest_of
from governance.rails.fold import fold
from governance.rails.pattern_rail import WINDOW
from governance.schema import Finding, Rail

LEAK = "prompt_leak"
RUN = 32  # letters and digits, about six words; spaced out by one sign each they still fit into WINDOW
_LEAST, _PART = 6, 16
_PARTS = (_LEAST, _PART, RUN)  # how much of a run is looked up while its end has not come yet
_SCORE = 0.95
_NO_LETTERS = {code: None for code in range(128) if not chr(code).isalnum()}


@dataclass(frozen=True, slots=True)
class _Kept:
    """The runs of a text that is kept back, by length."""

    runs: dict[int, frozenset[str]]


def _plain(text: str) -> str:
    """Return the letters and digits, folded and in lower case."""
    if text.isascii():
        return text.lower().translate(_NO_LETTERS)
    return "".join(low if len(low := char.lower()) == 1 else char for char in fold(text) if char.isalnum())


def _places(text: str) -> list[int]:
    """Return where the letters and digits of `_plain` stand."""
    return [i for i, char in enumerate(fold(text)) if char.isalnum()]


def _runs(text: str, length: int) -> Iterator[str]:
    return (text[i : i + length] for i in range(len(text) - length + 1))


@lru_cache(maxsize=32)
def _keep(text: str, disguises: bool) -> _Kept:
    plain = _plain(text)
    forms = [plain]
    if disguises:
        forms += [plain[::-1], codecs.encode(plain, "rot13")]
        for raw in {each.encode("utf-8", "replace") for each in (text, text.lower(), text.upper())}:
            forms.append(raw.hex())
            forms += [_plain(base64.b64encode(raw[skip:]).decode()) for skip in range(3)]
    return _Kept({length: frozenset(run for form in forms for run in _runs(form, length)) for length in _PARTS})


class PromptLeakRail:
    """A rail over texts that are kept back. Pure, and fit for streams."""

    name = LEAK
    categories = frozenset({LEAK})
    version = digest_of([LEAK, RUN, _PARTS, "plain, backwards, rot13, base64, hex"])

    def __init__(
        self, instructions: Sequence[str] = (), *, rules: Sequence[str] = (), known: Iterable[str] = ()
    ) -> None:
        """Take what a turn keeps back.

        Args:
            instructions: What the model was told; looked for in every disguise.
            rules: Policy text; looked for as it is.
            known: Evidence, and what the user wrote: a run in it is no leak.
        """
        self._kept = [_keep(text, True) for text in instructions] + [_keep(text, False) for text in rules]
        self._known = tuple(known)

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""
        return self.inspect_from(text, 0)

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later."""
        spans: list[list[int]] = []
        if self._kept and (candidates := self._candidates(plain := _plain(text))):
            places = _places(text)
            for i in candidates:
                begin, end = places[i], places[i + RUN - 1] + 1
                if begin >= start and end - begin <= WINDOW and self._leaks(plain[i : i + RUN]):
                    if spans and begin < spans[-1][1]:
                        spans[-1][1] = end
                    else:
                        spans.append([begin, end])
        return [Finding(LEAK, LEAK, _SCORE, begin, end, f"{end - begin} characters") for begin, end in spans]

    def undecided_from(self, text: str) -> int:
        """Return the offset from which findings may still appear or change when the text goes on."""
        cut = max(0, len(text) - WINDOW)
        if self._kept:
            plain = _plain(text[cut:])
            for i in range(max(0, len(plain) - RUN + 1), len(plain)):
                left = len(plain) - i
                length = _PART if left >= _PART else _LEAST if left >= _LEAST else 0
                if not length or any(plain[i : i + length] in kept.runs[length] for kept in self._kept):
                    return cut + _places(text[cut:])[i]
        return len(text)

    def _candidates(self, plain: str) -> range:
        """Return where a run may start: around parts that are kept back, of which every run holds a whole one."""
        parts = range(0, len(plain) - _PART + 1, RUN - _PART)
        found = [at for at in parts if any(plain[at : at + _PART] in kept.runs[_PART] for kept in self._kept)]
        if not found:
            return range(0)
        return range(max(0, found[0] + _PART - RUN), min(found[-1], len(plain) - RUN) + 1)

    def _leaks(self, run: str) -> bool:
        return any(run in kept.runs[RUN] for kept in self._kept) and run not in self._known_runs

    @cached_property
    def _known_runs(self) -> frozenset[str]:
        return frozenset(run for text in self._known for run in _runs(_plain(text), RUN))


def watch_prompt(
    rails: Sequence[Rail], instructions: Sequence[str], *, rules: Sequence[str], known: Sequence[str]
) -> tuple[Rail, ...]:
    """Return rails of which the one for leaks watches this turn's texts."""
    return tuple(
        PromptLeakRail(instructions, rules=rules, known=known) if isinstance(rail, PromptLeakRail) else rail
        for rail in rails
    )
