"""The rail of groundedness, on the model that ships; and on the stream, where each sentence is held to its end."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.schema import Evidence, Support
from core.training import starter_phrases
from core.training.starter_adapter_forms import FORMS, Form, render_answer
from governance.policy import Ruling
from governance.rails import Grounding, Masker, RailRunner
from governance.rails.groundedness import GroundednessRail, GroundedRail
from governance.release import MAX_SENTENCE, ReleaseGate
from governance.schema import Decision, Finding
from tests.governance.door import passage
from tests.governance.shipped import shipped_rails

MEALS = (
    "Meals are paid up to 60 USD a day from 1 March 2026. Receipts must reach Anna Keller in finance within ten days. "
    "Alcohol is never paid."
)
TRAINS = "Trains go first. A flight is allowed when the train takes more than 6 hours. He said “stop. Now” [3] twice."
EVIDENCE = (passage(1, MEALS), passage(2, TRAINS))


@cache
def rail(*evidence: Evidence) -> GroundedRail:
    grounding = shipped_rails().grounding
    assert grounding is not None
    return grounding.over(evidence or EVIDENCE)


def found_in(text: str) -> list[tuple[str, str]]:
    return [(finding.category, text[finding.start : finding.end]) for finding in rail().inspect(text)]


@pytest.mark.parametrize(
    "text",
    [
        "According to the datasets, “Meals are paid up to 60 USD a day from 1 March 2026.” [1] “Trains go first.” [2]",
        "Meals are paid up to 60 USD a day. [1] Alcohol is never paid [1].",
        "- Meals: up to 60 USD a day [1]\n- Trains go first [2]\n",
        "“He said “stop. Now” [3] twice.” [2]",
        "Receipts must reach finance within 10 days, and trains go first [1][2].",
    ],
)
def test_what_the_cited_passages_say_is_not_flagged(text: str) -> None:
    assert found_in(text) == []
    counted = rail().check(text)
    assert counted.checked == counted.supported > 0


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("The company owns a gym in Lisbon [1].", "unsupported_claim"),
        ("Trains go first.", "uncited_claim"),
        ("Meals are paid up to 90 USD a day [1].", "number_contradicted"),
        ("Meals are paid up to 60 USD a day from 1 March 2024 [1].", "date_contradicted"),
        ("Meals are paid up to 60 USD a day from 1 April 2026 [1].", "date_contradicted"),
        ("Receipts must reach Paula Adams in finance within ten days [1].", "name_contradicted"),
        ("A flight is allowed when the train takes less than 6 hours [2].", "opposite_claim"),
        ("The handbook says “Meals are paid up to seventy dollars every day.” [1]", "misquotation"),
        ("“Trains go first, always and everywhere.” [2]", "misquotation"),
        ("“Meals are paid up to 60 USD a day from 1 March 2026.” [2]", "misquotation"),
    ],
)
def test_what_they_do_not_say_is_flagged_with_its_kind(text: str, category: str) -> None:
    assert found_in(text) == [(category, text)]
    assert rail().check(text) == Grounding(1, int(category == "uncited_claim"))


def test_a_number_that_no_passage_has_is_a_wrong_citation() -> None:
    assert found_in("Trains go first [5].") == [("wrong_citation", "[5]")]
    assert rail().check("Trains go first [5].") == Grounding(1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "Hello! Happy to help.",
        "I can't find that in the datasets attached to this agent.",
        "I'm sorry, the documents do not mention a gym.",
        "The provided passages don't say who pays for parking.",
        "Here is what I found:\n",
        "Is that all you need?",
        "Let me know if you have other questions.",
        "Thanks.",
        starter_phrases.REFUSE_PRIVATE,
        starter_phrases.REFUSE_OVERRIDE,
        starter_phrases.CRISIS,
    ],
)
def test_greetings_refusals_and_lead_ins_claim_nothing(text: str) -> None:
    assert found_in(text) == []
    assert rail().check(text) == Grounding(0, 0)


def test_without_evidence_nothing_is_measured_and_any_citation_is_wrong() -> None:
    grounding = shipped_rails().grounding
    assert grounding is not None
    assert grounding.over(()).check("Trains go first [1].") == Grounding(0, 0)
    assert [finding.category for finding in grounding.inspect("Trains go first [1].")] == ["wrong_citation"]


@pytest.mark.parametrize("form", [*FORMS, "balanced"])
def test_verbatim_quotations_ask_no_model_however_the_starter_model_leads_in(form: Form | str) -> None:
    class Untouched:
        digest, threshold = "none", 0.5

        def weigh(self, sentence: str, passages: object) -> Support:
            raise AssertionError(f"the model was asked about {sentence!r}")

    bound = GroundednessRail(Untouched()).over(EVIDENCE)
    quotations = ["“Alcohol is never paid.” [1]", "“Trains go first.” [2]"]
    text = starter_phrases.lead_in("What is paid?", style=form) + " ".join(quotations)
    if form in FORMS:
        text = render_answer(form, quotations)  # type: ignore[arg-type]
    assert bound.inspect(text) == []
    assert bound.check(text) == Grounding(2, 2)


sentences = st.sampled_from(
    ["Trains go first [2]. ", "The gym is free [1]. ", "Hello! ", "“Alcohol is never paid.” [1] ", "Is it? ", "3. ",
     "Meals cost 90 USD [1].\n", "“Trains go first. ” [1] ", "See Mr. Smith, e.g. at 5 p.m. today [7]. ", "[", "“"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(sentences, max_size=7).map("".join), st.integers(1, 40))
def test_findings_on_the_stream_are_those_of_the_whole_text(text: str, size: int) -> None:
    gate = open_gate("allow")
    assert stream(gate, text, size) == text
    if len(text) <= MAX_SENTENCE:
        assert list(gate.findings) == sorted(rail().inspect(text), key=lambda f: (f.start, f.end, f.rail, f.category))
    assert gate.max_held_chars <= MAX_SENTENCE + size


@settings(max_examples=60, deadline=None)
@given(st.lists(sentences, max_size=7).map("".join), st.integers(1, 40))
def test_nothing_of_a_blocked_sentence_gets_out(text: str, size: int) -> None:
    findings = rail().inspect(text)
    expected = text[: min((f.start for f in findings), default=len(text))]
    assert stream(open_gate("block"), text, size) == expected


def test_one_sentence_is_held_at_most() -> None:
    gate = open_gate("allow")
    assert gate.push("Trains go first [2]. The gym is fr") == "Trains go first [2]. "
    assert gate.push("ee [1]. And so on and on") == "The gym is free [1]. "


def open_gate(action: str) -> ReleaseGate:
    def judge(findings: list[Finding]) -> Ruling:
        decision = Decision(action if findings else "allow", "", "test")  # type: ignore[arg-type]
        return Ruling(decision, tuple(action for _ in findings))  # type: ignore[arg-type, misc]

    return ReleaseGate([rail()], runner=RailRunner(deadline_s=30), judge=judge, masker=Masker())  # type: ignore[arg-type]


def stream(gate: ReleaseGate, text: str, size: int) -> str:
    return "".join([gate.push(text[at : at + size]) for at in range(0, len(text), size)]) + gate.finish()
