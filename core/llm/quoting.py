"""Quotations that cannot be wrong: which tokens may come next, so that every “…” [n] is verbatim evidence n.

Works on the bytes that tokens write, with any tokenizer that can write them. A quotation starts at `“` and ends where
its unit ends, by position: marks, brackets or markup inside a unit mean nothing. Free text outside quotations is not
checked for truth.

An answer that has to quote quotes every unit that the evidence names as answering, in that order; when none is named,
one of its choice. Where a single unit may come, all of it is known: `forced` gives it without asking the model.

In free text `”` is never written, and `[` before a digit only as the policy says: "always" allows citations only
behind quotations, "when_cited" also free ones, of numbers that exist.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.llm.vocabulary import Vocabulary
from core.schema import Evidence, Quoting

OPEN, CLOSE = "“".encode(), "”".encode()
SCORE_WEIGHT = 10.0  # nats for one of log-odds between two scores: which to quote is the reader's choice
SURE = 0.9999  # scores beyond count as this
FIRST_PERSON = (b"I", b" I", b"Sorry", b" Sorry")  # who has to quote does not open so: it would be no lead-in
LEAD_IN_BYTES = 200  # an answer that has to quote opens at the next word after this much text, ...
LEAD_IN_LIMIT = LEAD_IN_BYTES + 40  # ... or in the middle of an endless one

LIST_MARK = b"- "

_NEXT_POINT = b"\n" + LIST_MARK + OPEN
_DIGITS = b"0123456789"
_GOES_ON = _DIGITS + b"]\x80\x9c\x9d"  # first bytes that can complete a citation or a mark begun before
_OPENED = b"opened"


@dataclass(frozen=True, slots=True)
class Choice:
    """What may come next.

    Attributes:
        only: The allowed tokens with what is added to their logits; None when all are but the banned.
        banned: Tokens that may not come.
        may_end: Whether the answer may end here.
    """

    only: dict[int, float] | None = None
    banned: tuple[int, ...] = ()
    may_end: bool = False


@dataclass(frozen=True, slots=True)
class _Unit:
    """A quotable unit; `written` is it, the closing mark and its citation; `goes_from` where tokens may break it."""

    text: bytes
    written: bytes
    score: float
    goes_from: frozenset[int]


def log_odds(score: float) -> float:
    """Return a score's log-odds, so that 0.999 stands as far above 0.99 as 0.91 above 0.5."""
    inside = min(max(score, 1 - SURE), SURE)
    return math.log(inside / (1 - inside))


class QuotingConstraint:
    """Follows one answer token by token and says what may come next. Not shared between answers."""

    def __init__(
        self,
        evidence: Sequence[Evidence],
        *,
        quoting: Quoting,
        vocabulary: Vocabulary,
        encode: Callable[[str], Sequence[int]],
        end_tokens: frozenset[int],
    ) -> None:
        """Read the evidence.

        Args:
            evidence: What may be quoted.
            quoting: Whether an answer has to quote.
            vocabulary: What each token writes.
            encode: Gives the tokens of a text without special ones, as the model knows it.
            end_tokens: Tokens that end an answer.
        """
        self._vocabulary = vocabulary
        self._encode = encode
        self._end_tokens = end_tokens
        self._numbers = _free_numbers(evidence, vocabulary) if quoting == "when_cited" else frozenset()
        self._openers = [opener for opener in (OPEN, b" " + OPEN) if vocabulary.can_write(opener)]
        units = _read_units(evidence, vocabulary) if self._openers else {}
        self._unused = list(units.values())
        named = [units[number, place] for number, place in _named(evidence) if (number, place) in units]
        due = [[unit] for unit in named] or [self._unused]
        self._due: list[list[_Unit]] = due if quoting == "always" and self._unused else []  # each: one of these
        self._alive: list[_Unit] = []
        self._written = b""  # since the quotation opened
        self._opener = b""  # what is left to write of a mark that has to open now
        self._tail = b""  # of free text: what may become a mark or a citation
        self._last = b" "
        self._line = b""  # what the line holds before its first quotation
        self._lead_in = 0
        self._has_quoted = False
        self._bans: dict[bytes, tuple[int, ...]] = {}

    @property
    def is_quoting(self) -> bool:
        """Say whether a quotation is open."""
        return bool(self._alive)

    @property
    def has_to_go_on(self) -> bool:
        """Say whether ending now would leave a quotation half written, or a due one out."""
        return self.is_quoting or bool(self._due)

    @property
    def awaits_quotation(self) -> bool:
        """Say whether the answer still has to quote and no quotation is open: its words now are a lead-in."""
        return bool(self._due) and not self.is_quoting

    @property
    def has_quoted(self) -> bool:
        """Say whether a quotation is complete."""
        return self._has_quoted

    def open_now(self) -> None:
        """Begin with the quotation that is due, without a lead-in."""
        self._lead_in = LEAD_IN_LIMIT

    def choose(self, preferred: int, *, is_spent: bool) -> Choice:
        """Return what may come next.

        Args:
            preferred: The token that the model likes best here: where it wants to end or to start a word, a quotation
                that is overdue opens.
            is_spent: The answer's budget is used up: what has to be written is now written the shortest way.
        """
        if self._due and not self.is_quoting and not self._opener and (is_spent or self._is_overdue(preferred)):
            self._opener = self._next_opener()
        if self._opener:
            return Choice(only=self._spell(self._opener))
        if self.is_quoting:
            return Choice(only=self._next_of_units(is_spent=is_spent))
        if len(self._tail) > 1 and self._tail.startswith(b"["):
            return Choice(only=dict.fromkeys(self._citation_tokens(), 0.0))
        banned = self._banned()
        if self._due and not self._has_quoted and not self._lead_in:
            banned += tuple(token for piece in FIRST_PERSON for token in self._vocabulary.writing(piece))
        return Choice(banned=banned, may_end=not self._due)

    def forced(self) -> list[int]:
        """Return the tokens that have to come now, as the tokenizer writes them; empty while there is a choice."""
        if len(self._alive) != 1 or self._written:
            return []
        written = self._alive[0].written
        tokens = list(self._encode(written.decode()))
        return tokens if b"".join(self._piece(token) for token in tokens) == written else []

    def accept(self, token: int) -> None:
        """Follow the token that was chosen."""
        piece = self._vocabulary.pieces[token] or b""
        if self.is_quoting:
            self._accept_quoted(piece)
        elif self._opener:
            self._opener = self._opener[len(piece) :]
            if not self._opener:
                self._open()
        else:
            self._accept_free(piece)

    def _accept_free(self, piece: bytes) -> None:
        tail = self._read_free(self._tail, piece)
        self._lead_in += len(piece)
        self._last = piece[-1:] or self._last
        if not self._has_quoted:
            self._line = (self._line + piece).rpartition(b"\n")[2]
        if tail == _OPENED:
            self._open()
        else:
            self._tail = tail or b""

    def _open(self) -> None:
        self._alive, self._written, self._tail = list(self._due[0] if self._due else self._unused), b"", b""

    def _accept_quoted(self, piece: bytes) -> None:
        self._written += piece
        self._alive = [
            unit for unit in self._alive if unit.written.startswith(self._written) and self._position in unit.goes_from
        ]
        for unit in self._alive:
            if len(unit.written) == self._position:
                self._complete(unit)
                return

    def _complete(self, unit: _Unit) -> None:
        self._unused = [other for other in self._unused if other.text != unit.text]
        later = [[other for other in due if other.text != unit.text] for due in self._due[1:]]
        self._due = [due for due in later if due]
        self._alive, self._last, self._lead_in, self._has_quoted = [], b"]", 0, True
        self._bans.clear()

    @property
    def _position(self) -> int:
        return len(self._written)

    def _next_opener(self) -> bytes:
        """Return the mark with what stands before it: a list goes on as a list."""
        if self._has_quoted and self._line in (LIST_MARK, LIST_MARK + OPEN) and self._vocabulary.can_write(_NEXT_POINT):
            return _NEXT_POINT
        return self._openers[0] if self._last.isspace() else self._openers[-1]

    def _is_overdue(self, preferred: int) -> bool:
        starts_word = (self._vocabulary.pieces[preferred] or b"")[:1].isspace()
        return (
            preferred in self._end_tokens
            or (self._lead_in >= LEAD_IN_BYTES and starts_word)
            or self._lead_in >= LEAD_IN_LIMIT
        )

    def _spell(self, data: bytes) -> dict[int, float]:
        good = self._vocabulary.writable_from(data)
        return {token: 0.0 for token, length in self._vocabulary.matches(data, 0) if length in good}

    def _next_of_units(self, *, is_spent: bool) -> dict[int, float]:
        best: dict[int, float] = {}
        top = max(log_odds(unit.score) for unit in self._alive)
        for unit in self._alive:
            bias = SCORE_WEIGHT * (log_odds(unit.score) - top)
            for token, length in self._vocabulary.matches(unit.written, self._position):
                if self._position + length in unit.goes_from and bias >= best.get(token, bias):
                    best[token] = bias
        if is_spent:
            return dict([max(best.items(), key=lambda item: (item[1], len(self._vocabulary.pieces[item[0]] or b"")))])
        return best

    def _citation_tokens(self) -> list[int]:
        starting = self._vocabulary.starting(_DIGITS + b"]")
        return [token for token in starting if self._read_free(self._tail, self._piece(token)) is not None]

    def _banned(self) -> tuple[int, ...]:
        if self._tail not in self._bans:
            suspects = set(self._vocabulary.containing(OPEN, CLOSE, b"["))
            if self._tail:
                suspects.update(self._vocabulary.starting(_GOES_ON))
            self._bans[self._tail] = tuple(
                token for token in sorted(suspects) if self._read_free(self._tail, self._piece(token)) is None
            )
        return self._bans[self._tail]

    def _piece(self, token: int) -> bytes:
        return self._vocabulary.pieces[token] or b""

    def _read_free(self, tail: bytes, piece: bytes) -> bytes | None:
        """Return the new tail after free text, `_OPENED` after a token that ends in `“`, None if it may not come."""
        for index in range(len(piece)):
            after = tail + piece[index : index + 1]
            if after == OPEN:
                return _OPENED if self._unused and index == len(piece) - 1 else None
            next_tail = self._next_tail(after)
            if next_tail is None:
                return None
            tail = next_tail
        return tail

    def _next_tail(self, tail: bytes) -> bytes | None:
        if tail == CLOSE:
            return None
        if tail == b"[" or OPEN.startswith(tail) or CLOSE.startswith(tail):
            return tail
        if tail[:1] == b"[" and tail[1:2].isdigit():
            if tail.endswith(b"]"):
                return b"" if tail[1:-1] in self._numbers else None
            return tail if any(number.startswith(tail[1:]) for number in self._numbers) else None
        return tail[-1:] if tail[-1:] in (b"[", OPEN[:1]) else b""


def _read_units(evidence: Sequence[Evidence], vocabulary: Vocabulary) -> dict[tuple[int, int], _Unit]:
    """Return the units that can be written, by the number of their evidence and their place in it."""
    units = {}
    for item in evidence:
        scores = item.sentence_scores or (0.0,) * len(item.sentences)
        for place, (sentence, score) in enumerate(zip(item.sentences, scores, strict=True)):
            written = f"{sentence}” [{item.number}]".encode()
            goes_from = vocabulary.writable_from(written)
            if sentence.strip() and 0 in goes_from:
                units[item.number, place] = _Unit(sentence.encode(), written, score, goes_from)
    return units


def _named(evidence: Sequence[Evidence]) -> list[tuple[int, int]]:
    return [(item.number, place) for item in evidence for place in item.answering]


def _free_numbers(evidence: Sequence[Evidence], vocabulary: Vocabulary) -> frozenset[bytes]:
    numbers = (str(item.number).encode() for item in evidence)
    return frozenset(number for number in numbers if all(vocabulary.can_write(bytes([byte])) for byte in number + b"]"))
