"""A card number in a streamed answer, as other tools were measured: split in every way, masked and blocked.

Each of `PEER_ROWS` is a setting in which a tool named in its id let characters out, lost text or repeated it.
"""

from collections.abc import Iterable, Iterator

import pytest

from governance.schema import Level
from tests.governance.test_governance_engine import ACTOR, ENGINE, agent

SECRET = "4111-1111-1111-1111"
BEFORE, AFTER = "Paid by card: ", "  kept here. And\n\n- the  rest , as it was.  "
TEXT = BEFORE + SECRET + AFTER
MASKED = BEFORE + "[CREDIT_CARD_1]" + AFTER
LONG = "Refunds are paid within ten working days. " * 24


def stream(pieces: Iterable[str], level: Level) -> str:
    """Return what a reader of an answer saw; the shipped policy masks a card at standard and blocks it at maximum."""
    gate = ENGINE.open_gate(agent=agent(level), actor=ACTOR)
    return "".join([gate.push(piece) for piece in pieces]) + gate.finish()


def cut(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


@pytest.mark.parametrize("level", ["standard", "maximum"])
def test_no_character_leaks_at_any_chunk_size_and_text_after_a_mask_is_intact(level: Level) -> None:
    expected = MASKED if level == "standard" else BEFORE
    for size in range(1, len(TEXT) + 1):
        assert stream(cut(TEXT, size), level) == expected, size


@pytest.mark.parametrize("level", ["standard", "maximum"])
def test_no_character_leaks_for_any_two_cuts_of_the_secret(level: Level) -> None:
    expected = MASKED if level == "standard" else BEFORE
    for one in range(1, len(SECRET)):
        for two in range(one, len(SECRET)):
            pieces = (BEFORE + SECRET[:one], SECRET[one:two], SECRET[two:] + AFTER)
            assert stream(pieces, level) == expected, (one, two)


PEER_ROWS = [
    pytest.param([LONG[:900] + TEXT], "maximum", id="NeMo default: streamed first, blocked afterwards"),
    pytest.param([TEXT], "maximum", id="NeMo: whole secret inside one chunk"),
    pytest.param(list(cut(TEXT, 3)), "maximum", id="NeMo: chunk 8, context 4, tokens of 3"),
    pytest.param(list(cut(LONG[:37] + TEXT, 3)), "maximum", id="NeMo: chunk 20, context 20, tokens of 3"),
    pytest.param(list(cut(TEXT, 3)), "standard", id="NeMo: a rail that masks passes unmasked"),
    pytest.param(list(cut(LONG + TEXT + LONG, 8)), "standard", id="NeMo: built-in mask aborts"),
    pytest.param(list(cut(LONG + TEXT + LONG, 200)), "standard", id="NeMo IORails: raw beginning, text repeated"),
    pytest.param(list(cut(TEXT, 5)), "maximum", id="Guardrails AI: exception after the leak"),
    pytest.param(list(cut(TEXT, 5)), "standard", id="Guardrails AI: fix loses spaces"),
    pytest.param(list(cut(TEXT, 7)), "maximum", id="Guardrails AI: filter and refrain raise after the leak"),
    pytest.param(list(cut(LONG[:420] + TEXT, 4)), "maximum", id="OpenAI guardrails: tripwire at the end"),
    pytest.param(iter(cut(TEXT, 2)), "standard", id="AGT: a generator is not inspected"),
]


@pytest.mark.parametrize(("pieces", "level"), PEER_ROWS)
def test_what_leaked_elsewhere_does_not(pieces: Iterable[str], level: Level) -> None:
    whole = list(pieces)
    text = "".join(whole)
    masked = text.replace(SECRET, "[CREDIT_CARD_1]")
    assert stream(whole, level) == (masked if level == "standard" else text[: text.index(SECRET)])
