from random import Random

import pytest

from core.rag.prompt import STYLES
from core.training import starter_phrases as phrases
from core.training.starter_data import KINDS, LATER_KINDS, build_conversation
from core.training.starter_evaluation import quotes_well
from core.training.starter_words import load_words, mistype


@pytest.mark.parametrize("shares", [KINDS, LATER_KINDS])
def test_shares_of_kinds_sum_to_one(shares):
    assert sum(shares.values()) == pytest.approx(1.0)
    assert set(shares) == set(KINDS)


def test_conversations_are_decided_by_seed_and_index(sources):
    def turns(seed):
        return [build_conversation(sources, seed=seed, index=i) for i in range(60)]

    assert turns(1) == turns(1)
    assert turns(1) != turns(2)
    assert build_conversation(sources, seed=1, index=40) == turns(1)[40]


@pytest.mark.parametrize("kind", ["question", "keyword", "policy", "table"])
def test_quotations_are_verbatim_and_cited_by_their_number(sources, kind):
    for index in range(80):
        turn = build_conversation(sources, seed=5, index=index, kind=kind)
        assert turn.gold
        for number, sentence in turn.gold:
            assert sentence in turn.evidence[number - 1].sentences
            assert sentence in turn.evidence[number - 1].text
            assert f"“{sentence}” [{number}]" in turn.answer
        assert quotes_well(turn.answer, turn=turn)


def test_own_words_name_no_document(sources):
    for turn in (build_conversation(sources, seed=6, index=i, kind="policy") for i in range(120)):
        own = "".join(turn.answer.replace(sentence, "") for _, sentence in turn.gold[:1])
        assert not any(item.document in own for item in turn.evidence)


def test_instructions_planted_in_evidence_are_never_quoted(sources):
    turns = [build_conversation(sources, seed=7, index=i, kind="question") for i in range(200)]
    planted = [turn for turn in turns if any("three times" in item.text for item in turn.evidence)]
    assert planted
    assert not any("three times" in turn.answer for turn in planted)


def test_refusals_and_abstentions_quote_nothing(sources):
    for kind in ("irrelevant", "no_evidence", "refusal", "small_talk"):
        turns = [build_conversation(sources, seed=8, index=i, kind=kind) for i in range(40)]
        assert not any("“" in turn.answer for turn in turns)


def test_small_talk_is_answered_by_its_kind_and_style(sources):
    answers = {f"small_talk:{talk.kind}": (talk.answer, talk.brief) for talk in phrases.SMALL_TALK}
    for turn in (build_conversation(sources, seed=9, index=i, kind="small_talk") for i in range(120)):
        is_brief = STYLES["brief"] in turn.messages[0].content
        assert turn.answer == answers[turn.kind][is_brief]


@pytest.mark.parametrize("style", STYLES)
def test_lead_in_follows_the_style(style):
    lead = phrases.lead_in("Who pays?", style=style)
    assert (
        lead
        == {
            "balanced": "According to the datasets, ",
            "brief": "",
            "bullets": "The datasets say:\n- ",
            "plain-language": "Here is the part of the datasets that answers you: ",
        }[style]
    )


@pytest.mark.parametrize(
    ("question", "lead"),
    [
        ("Why is it so?", "As the datasets explain, "),
        ("How do I book?", "Here is how the datasets put it: "),
        ("Are meals paid?", "Here is what the datasets say: "),
        ("Who pays?", "According to the datasets, "),
    ],
)
def test_lead_in_follows_the_question(question, lead):
    assert phrases.lead_in(question, style="balanced") == lead


def test_harmless_lookalikes_are_never_refused(sources):
    turns = [build_conversation(sources, seed=10, index=i, kind="lookalike") for i in range(120)]
    assert {turn.answer == phrases.ABSTAIN for turn in turns} == {True, False}
    assert all(turn.gold or turn.answer == phrases.ABSTAIN for turn in turns)


def test_wordings_of_evaluation_are_not_those_of_training():
    seen, unseen = load_words(held_out=False), load_words(held_out=True)
    for kind, asked in unseen.talk.items():
        assert asked
        assert not set(asked) & set(seen.talk[kind])
    assert not set(unseen.requests["harmful"]["acts"]) & set(seen.requests["harmful"]["acts"])


def test_a_slip_changes_a_text_a_little():
    random = Random(1)
    slips = {mistype(random, "good morning") for _ in range(200)}
    assert len(slips) > 20
    assert all(11 <= len(slip) <= 13 for slip in slips)
    assert mistype(random, "hi") == "hi"
