"""Evidence, a byte vocabulary and an independent reading, for the tests of quoting."""

import random
import re
from collections.abc import Sequence

from core.llm.quoting import QuotingConstraint
from core.llm.vocabulary import Vocabulary
from core.schema import Evidence, Quoting

END = 0
BYTES = Vocabulary([None, *(bytes([byte]) for byte in range(256))])


def make_evidence(passages: Sequence[Sequence[str]], *, scores: Sequence[Sequence[float]] = ()) -> list[Evidence]:
    return [
        Evidence(
            number=number,
            chunk_id=f"c{number}",
            dataset_id="d",
            dataset_version="1",
            dataset_title="D",
            document="D",
            place="P",
            licence="L",
            text="\n".join(sentences),
            score=1.0,
            sentences=tuple(sentences),
            sentence_scores=tuple(scores[number - 1]) if scores else (),
        )
        for number, sentences in enumerate(passages, start=1)
    ]


def check_answer(text: str, *, evidence: Sequence[Evidence], mode: Quoting) -> list[tuple[str, int]]:
    """An independent reading: every quotation is a unit with its number, every other citation as the mode allows."""
    quoted, at = [], 0
    while at < len(text):
        if text[at] == "“":
            fits = [
                (sentence, item.number)
                for item in evidence
                for sentence in item.sentences
                if text.startswith(f"{sentence}” [{item.number}]", at + 1)
            ]
            assert fits, f"not verbatim: {text[at:]!r}"
            sentence, number = min(fits, key=lambda fit: len(f"{fit[0]}{fit[1]}"))
            quoted.append((sentence, number))
            at += len(f"“{sentence}” [{number}]")
            continue
        assert text[at] != "”"
        if re.match(r"\[[0-9]", text[at:]):
            cited = re.match(r"\[([0-9]+)(\]|$)", text[at:])
            assert mode == "when_cited"
            assert cited
            if cited[2]:
                assert int(cited[1]) in {item.number for item in evidence}
        at += 1
    return quoted


def read_forced(constraint: QuotingConstraint, token: int, vocabulary: Vocabulary) -> list[int]:
    """Accept a token and what it forces, which has to be allowed step by step."""
    constraint.accept(token)
    forced = constraint.forced()
    for each in forced:
        assert each in (constraint.choose(each, is_spent=False).only or {})
        constraint.accept(each)
    return forced


def write_at_random(
    constraint: QuotingConstraint,
    *,
    vocabulary: Vocabulary,
    end: int,
    rng: random.Random,
    steps: int,
    likes: Sequence[int] = (),
) -> str:
    """A model that wants anything, and what it likes more often than not."""
    data, count = b"", 0
    tokens = [token for token, piece in enumerate(vocabulary.pieces) if piece] + [end]
    while True:
        count += 1
        wanted = [rng.choice(likes) if likes and rng.random() < 0.5 else rng.choice(tokens) for _ in range(40)]
        choice = constraint.choose(wanted[0], is_spent=count > steps)
        if choice.only is not None:
            assert choice.only, "dead end"
            token = rng.choice(sorted(choice.only))
        else:
            token = next(t for t in wanted if t not in choice.banned and (t != end or choice.may_end))
        if token == end:
            break
        for written in (token, *read_forced(constraint, token, vocabulary)):
            data += vocabulary.pieces[written] or b""
        if count >= steps and not constraint.has_to_go_on:
            break
        assert count < steps + 2000
    return data.decode(errors="replace")


def follow(constraint: QuotingConstraint, text: str) -> None:
    """Write a text with the byte vocabulary; each byte has to be allowed."""
    for byte in text.encode():
        choice = constraint.choose(byte + 1, is_spent=False)
        assert byte + 1 in choice.only if choice.only is not None else byte + 1 not in choice.banned, chr(byte)
        constraint.accept(byte + 1)


def allows(constraint: QuotingConstraint, text: str) -> bool:
    try:
        follow(constraint, text)
    except AssertionError:
        return False
    return True


def one_by_one(text: str, vocabulary: Vocabulary = BYTES) -> list[int]:
    return [vocabulary.pieces.index(bytes([byte])) for byte in text.encode() if bytes([byte]) in vocabulary.pieces]


def constrain(
    evidence: Sequence[Evidence], mode: Quoting = "always", vocabulary: Vocabulary = BYTES
) -> QuotingConstraint:
    return QuotingConstraint(
        evidence,
        quoting=mode,
        vocabulary=vocabulary,
        encode=lambda text: one_by_one(text, vocabulary),
        end_tokens=frozenset({END}),
    )


MEALS = [["Meals are paid.", "Meals are paid. Up to 60 USD.", "Taxis are not."], ["Ask Ann."]]
