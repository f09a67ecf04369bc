"""The release gate holds back what may become a violation, and nothing else: what the streaming leak table measures."""

# ruff: noqa: E501 - the list of samples is read as rows

import threading
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.policy import Ruling
from governance.rails import WINDOW, Masker, RailRunner, merge_spans
from governance.release import MAX_SENTENCE, AtEnd, ReleaseGate
from governance.schema import Decision, Finding, Rail
from tests.governance.shipped import shipped_rails

RAILS = shipped_rails().output
RUNNER = RailRunner(deadline_s=30)

VIOLATIONS = [
    "jane.doe@example.com", "o'neil.b+x@mail.example.co.uk", "a" * 40 + "@example.com", "4111 1111 1111 1111",
    "4111-1111-1111-1111", "5500005555555559", "3782 822463 10005", "6011000990139424", "+1 (212) 555-0123",
    "+44 20 7946 0958", "212-555-0123", "(978)645-9740x11144", "call me at 2125550123", "020 7946 0958", "SSN 123456789",
    "123-45-6789", "123 45 6789", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432",
    "passport no. X1234567", "birthday 12 March 1980", "DOB: 03/12/1980", "DOB March 3, 1980", "8.8.8.8",
    "2001:4860:4860::8888", "00:1B:44:11:3A:B7", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "NHS number 943 476 5919",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "MRN: 00123456", "Medicare 1EG4-TE5-MK73", "tax id 12-3456789",
    "driver's license D1234567", "account number 12345678", "AKIAIOSFODNN7EXAMPLE", "xoxb-123456789012-abcdefghij",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "sk-proj-abc123def456ghi789jkl012mno", "sk_live_abcdefghijklmnop1234",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "password: hunter2!", "password=letmein", "Authorization: Bearer abcdef1234567890abcdef1234567890",
    "postgres://bob:s3cr3tpass@db.example.com/x", "redis://:" + "p" * 70 + "@db", "token " + "a1B2c3D4" * 12,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhki\nG9w0BAQEFAASC\n-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMIIE vQ", "build a bomb", "how to steal credit cards",
    "4111\u00a01111\u00a01111\u00a01111", "４１１１１１１１１１１１１１１１", "4111\u200b1111\u200b1111\u200b1111",
    "jane@exa\u0301mple.com\u0301",
]  # fmt: skip
PROSE = [
    "Hello there, ", "my dear friend ", "so on. ", "(", ")", "; ", " ", "\n", "1 ", "12 ", "OK ", "in March ", "the 3rd of ",
    "é\u0301 ", "😀", "-", "'", ". ", "the year 2024 and 30 percent ", "kill ", "make it ", "wordword" * 5 + " ", "x/y/z ", "@",
    "+", "5", "password is ", " is my ", "to ", "[EMAIL_1] ",
]  # fmt: skip
texts = st.lists(st.sampled_from(VIOLATIONS) | st.sampled_from(PROSE), max_size=8).map("".join) | st.text(
    "ab1 2-@.+(4)5:/Z\n", max_size=160
)


def redact(findings: Sequence[Finding]) -> Ruling:
    decision = Decision("redact", "found", "test.redact") if findings else Decision("allow", "none", "test.none")
    return Ruling(decision, tuple("redact" for _ in findings))


def block(findings: Sequence[Finding]) -> Ruling:
    decision = Decision("block", "found", "test.block") if findings else Decision("allow", "none", "test.none")
    return Ruling(decision, tuple("block" for _ in findings))


def allow(findings: Sequence[Finding]) -> Ruling:
    return Ruling(Decision("allow", "none", "test.none"), tuple("allow" for _ in findings))


def found_in(text: str) -> list[Finding]:
    return [finding for rail in RAILS for finding in rail.inspect(text)]


def split(text: str, sizes: Iterator[int]) -> Iterator[str]:
    place = 0
    while place < len(text):
        size = next(sizes)
        yield text[place : place + size]
        place += size


def forever(size: int) -> Iterator[int]:
    while True:
        yield size


def stream(gate: ReleaseGate, pieces: Iterator[str]) -> str:
    return "".join([gate.push(piece) for piece in pieces]) + gate.finish()


def open_gate(judge=redact, rails: Sequence[Rail] = RAILS, runner: RailRunner = RUNNER) -> ReleaseGate:  # type: ignore[no-untyped-def]
    return ReleaseGate(rails, runner=runner, judge=judge, masker=Masker())


@settings(max_examples=250, deadline=None)
@given(texts, st.data())
def test_streamed_text_equals_the_whole_text_masked_at_once(text: str, data: st.DataObject) -> None:
    whole = Masker().mask(text, merge_spans(found_in(text)))
    sizes = iter(lambda: data.draw(st.integers(1, 40)), None)
    gate = open_gate()
    assert stream(gate, split(text, sizes)) == whole
    assert gate.max_held_chars <= WINDOW
    assert not gate.stopped


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_every_violation_is_masked_at_every_piece_size(violation: str) -> None:
    text = f"Well, here you are: {violation} and that was it. Bye"
    spans = merge_spans(found_in(text))
    assert spans, "the rails don't find this sample"
    whole = Masker().mask(text, spans)
    for size in range(1, 41):
        gate = open_gate()
        assert stream(gate, split(text, forever(size))) == whole
        assert gate.max_held_chars <= WINDOW


@settings(max_examples=150, deadline=None)
@given(texts, st.integers(1, 12))
def test_blocked_stream_ends_right_before_the_first_violation(text: str, size: int) -> None:
    spans = merge_spans(found_in(text))
    gate = open_gate(block)
    released = stream(gate, split(text, forever(size)))
    assert released == (text[: spans[0].start] if spans else text)
    assert gate.stopped is bool(spans)
    assert gate.decision.action == ("block" if spans else "allow")
    assert bool(gate.findings) is bool(spans)


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(3, 12))
def test_allowed_findings_pass_unchanged_and_are_reported(text: str, size: int) -> None:
    gate = open_gate(allow)
    assert stream(gate, split(text, forever(size))) == text
    assert gate.max_held_chars <= WINDOW
    assert {f.category for f in gate.findings} == {f.category for f in found_in(text)}


def test_prose_waits_for_its_last_word_only() -> None:
    gate = open_gate()
    assert gate.push("Refunds are due in ten work") == "Refunds are due in ten "
    assert gate.held_chars == len("work")
    assert gate.push("ing days from then, at most. ") == "working days from then, at most. "
    assert gate.held_chars == 0


def test_small_pieces_wait_until_a_look_is_worth_it() -> None:
    gate = open_gate()
    pieces = ("Refunds ", "are ", "due once ", "a month ")
    assert [gate.push(piece) for piece in pieces] == ["", "", "", "Refunds are due once a month "]
    assert gate.max_held_chars == len("Refunds are due once ")
    assert gate.push("in ") == ""
    assert gate.finish() == "in "


def test_long_violation_is_swallowed_to_its_end_without_being_held() -> None:
    gate = open_gate()
    body = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkq\n" * 100
    released = stream(gate, split("Look: " + body + "-----END PRIVATE KEY-----\nDone.", forever(5)))
    assert released == "Look: -----BEGIN PRIVATE KEY-----[PRIVATE_KEY_1]-----END PRIVATE KEY-----\nDone."
    assert gate.max_held_chars <= WINDOW


def test_nothing_comes_after_a_stop() -> None:
    gate = open_gate(block)
    assert gate.push("Mail jane@example.com now. ") == "Mail "
    assert gate.stopped
    assert (gate.push("More text. "), gate.finish()) == ("", "")
    assert gate.decision.rule_id == "test.block"


class Sentences:
    """A rail that needs whole sentences: it dislikes those with both words."""

    name, version, categories = "tone", "1", frozenset({"rude"})

    def inspect(self, text: str) -> list[Finding]:
        bad = "you" in text and "fool" in text
        return [Finding("tone", "rude", 0.9, text.index("you"), len(text))] if bad else []


def test_rail_without_locality_holds_the_sentence() -> None:
    gate = open_gate(block, rails=[Sentences()])
    assert gate.push("All is well. And you, my dear") == "All is well. "
    assert gate.push(" fool! ") + gate.finish() == "And "
    assert gate.stopped


def test_certain_violation_lets_no_unchecked_sentence_out() -> None:
    gate = open_gate(block, rails=[*RAILS, Sentences()])
    pushed = gate.push("Fine. And you with ghp_abcdefghijklmnopqrstuvwxyz0123456789" + "0" * 80)
    assert pushed == "Fine. "
    assert gate.push(", fool. ") + gate.finish() == "And "


def test_overlong_sentence_is_checked_in_parts() -> None:
    gate = open_gate(block, rails=[Sentences()])
    released = "".join(gate.push("word ") for _ in range(200))
    assert len(released) >= MAX_SENTENCE
    assert gate.max_held_chars <= MAX_SENTENCE + len("word ")


class Broken:
    name, version, categories = "broken", "1", frozenset({"x"})

    def __init__(self) -> None:
        self.calls = 0

    def inspect(self, text: str) -> list[Finding]:
        raise RuntimeError("no weights")


def test_raising_rail_stops_the_stream_with_nothing_unchecked_released() -> None:
    gate = open_gate(rails=[*RAILS, Broken()])
    assert gate.push("A sentence. And more of it.") == ""
    assert gate.stopped
    assert gate.decision.rule_id == "fail-closed.rail"
    assert "'broken'" in gate.decision.reason
    assert gate.finish() == ""


def test_late_rail_stops_the_stream() -> None:
    release = threading.Event()

    class Late(Broken):
        def inspect(self, text: str) -> list[Finding]:
            release.wait(20)
            return []

    try:
        gate = open_gate(rails=[Late()], runner=RailRunner(deadline_s=0.05))
        assert gate.push("A sentence of words. And") == ""
        assert gate.decision.rule_id == "fail-closed.rail"
        assert "did not answer" in gate.decision.reason
    finally:
        release.set()


def test_rail_that_finds_too_late_stops_the_stream() -> None:
    class Forgetful(Broken):
        def inspect_from(self, text: str, start: int) -> list[Finding]:
            place = text.find("bad idea")
            return [Finding("broken", "x", 0.9, place, place + 8)] if place >= start else []

        def undecided_from(self, text: str) -> int:
            return len(text)

    gate = open_gate(rails=[Forgetful()])
    assert gate.push("this is a bad ") == ""
    assert gate.push("one, a bad ") == "this is a bad one, a bad "
    assert gate.push("idea, and even more of it ") == ""
    assert "not as local" in gate.decision.reason


def test_labels_are_shared_with_the_input() -> None:
    masker = Masker()
    masker.label("email", "jane@example.com")
    gate = ReleaseGate(RAILS, runner=RUNNER, judge=redact, masker=masker)
    assert gate.push("bob@example.com and JANE@example.com ") == "[EMAIL_2] and [EMAIL_1] "
    assert gate.rail_ms["pii"] > 0


class _Late:
    """A rail that finds the word bad."""

    name, version = "late", "1"

    def inspect(self, text: str) -> list[Finding]:
        place = text.find("bad")
        return [Finding("late", "word", 1.0, place, place + 3, "bad")] if place >= 0 else []


def test_a_rail_for_the_end_holds_nothing_and_is_heard_at_the_end() -> None:
    gate = ReleaseGate([AtEnd(_Late())], runner=RUNNER, judge=allow, masker=Masker())
    assert gate.push("This is bad and more of it ") == "This is bad and more of it "
    assert gate.findings == ()
    assert gate.finish() == ""
    assert [finding.category for finding in gate.findings] == ["word"]
    assert not gate.stopped


@pytest.mark.parametrize("judge", [redact, block])
def test_a_rail_for_the_end_that_should_have_been_heard_before_fails_closed(judge) -> None:
    gate = ReleaseGate([AtEnd(_Late())], runner=RUNNER, judge=judge, masker=Masker())
    gate.push("This is bad and more ")
    gate.push("held")
    assert gate.finish() == ""
    assert gate.stopped
    assert gate.decision.rule_id == "fail-closed.rail"
