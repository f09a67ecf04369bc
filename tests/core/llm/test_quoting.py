import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from core.llm import quoting
from core.llm.quoting import QuotingConstraint
from core.llm.vocabulary import Vocabulary, read_vocabulary
from core.schema import Quoting
from tests.core.llm.quoting_help import (
    BYTES,
    END,
    MEALS,
    allows,
    check_answer,
    constrain,
    follow,
    make_evidence,
    write_at_random,
)

TRICKY = "aé 1[]<>“”\n.|[1][2]” [1]"
unit = st.text(st.sampled_from(TRICKY) | st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
passages = st.lists(st.lists(unit, min_size=0, max_size=4), min_size=0, max_size=12)


@pytest.mark.parametrize("mode", ["always", "when_cited"])
def test_quoting_is_verbatim_whatever_the_model_wants(any_tokenizer: PreTrainedTokenizerFast, mode: Quoting) -> None:
    vocabulary = read_vocabulary(any_tokenizer, size=len(any_tokenizer))
    end = any_tokenizer.eos_token_id

    def encode(text: str) -> list[int]:
        return any_tokenizer.encode(text, add_special_tokens=False)

    marks = vocabulary.containing("“".encode(), "”".encode(), b"[", b"]", b"1")
    likes = [*marks, *vocabulary.starting(b"\xe2\x80\x9c")]

    @given(passages=passages, seed=st.integers(0, 2**32), steps=st.integers(1, 60), named=st.integers(0, 3))
    @settings(max_examples=120, deadline=None)
    def holds(passages: list[list[str]], seed: int, steps: int, named: int) -> None:
        evidence = make_evidence(passages)
        for index in random.Random(seed).sample(range(len(evidence)), min(named, len(evidence))):
            places = range(len(evidence[index].sentences))
            answering = tuple(random.Random(seed).sample(places, min(2, len(places))))
            evidence[index] = replace(evidence[index], answering=answering)
        constraint = QuotingConstraint(
            evidence, quoting=mode, vocabulary=vocabulary, encode=encode, end_tokens=frozenset({end})
        )
        rng = random.Random(seed)
        text = write_at_random(constraint, vocabulary=vocabulary, end=end, rng=rng, steps=steps, likes=likes)
        quoted = check_answer(text, evidence=evidence, mode=mode)
        assert len({sentence for sentence, _ in quoted}) == len(quoted)
        units = [(sentence, item.number) for item in evidence for sentence in item.sentences if sentence.strip()]
        possible = [unit for unit in units if vocabulary.can_write(f"“{unit[0]}” [{unit[1]}]".encode())]
        assert quoted or mode != "always" or not possible
        due = {each.sentences[place] for each in evidence for place in each.answering}
        assert mode != "always" or due & {sentence for sentence, _ in possible} <= {sentence for sentence, _ in quoted}

    holds()


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("So: “Meals are paid.” [1]", True),
        ("So: “Meals are paid. Up to 60 USD.” [1]", True),
        ("“Ask Ann.” [2] and “Taxis are not.” [1].", True),
        ("“Meals are free.” [1]", False),
        ("“Meals are” [1]", False),
        ("“Ask Ann.” [1]", False),
        ("“Ask Ann.”[2]", False),
        ("“Ask Ann.” [2][1]", False),
        ("“Ask Ann.” [2] “Ask Ann.” [2]", False),
        ("It says [1]", False),
        ("See [a] and [", True),
        ("closing ” alone", False),
        ("dashes – are fine…", True),
    ],
)
def test_quoting_always_allows_quotations_and_nothing_else_cited(text: str, is_allowed: bool) -> None:
    assert allows(constrain(make_evidence(MEALS)), text) == is_allowed


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("Meals are paid [1], ask Ann [2].", True),
        ("Meals [3]", False),
        ("Meals [11]", False),
        ("Meals [1x", False),
        ("Meals [1, 2]", False),
        ("“Ask Ann.” [2]", True),
        ("“Ask Ann.” [1]", False),
        ("“Ask Bob.” [2]", False),
    ],
)
def test_quoting_when_cited_allows_citations_of_what_exists(text: str, is_allowed: bool) -> None:
    assert allows(constrain(make_evidence(MEALS), "when_cited"), text) == is_allowed


def test_quoting_when_cited_allows_numbers_of_two_digits() -> None:
    evidence = make_evidence([["x"]] * 12)
    assert allows(constrain(evidence, "when_cited"), "see [12], [1]")
    assert not allows(constrain(evidence, "when_cited"), "see [13")


def test_quoting_always_may_not_end_before_a_quotation() -> None:
    constraint = constrain(make_evidence(MEALS))
    assert constraint.has_to_go_on
    assert not constraint.choose(ord("a") + 1, is_spent=False).may_end
    follow(constraint, "“Ask Ann.” [2]")
    assert not constraint.has_to_go_on
    assert constraint.choose(END, is_spent=False).may_end


def test_quoting_when_cited_may_end_at_once() -> None:
    constraint = constrain(make_evidence(MEALS), "when_cited")
    assert constraint.choose(END, is_spent=False).may_end
    assert not constraint.has_to_go_on


@pytest.mark.parametrize("mode", ["always", "when_cited"])
@pytest.mark.parametrize("passages", [[], [[]], [["  ", ""]]], ids=["no evidence", "no sentence", "blank"])
def test_quoting_without_units_allows_no_quotation_and_may_end(mode: Quoting, passages: list[list[str]]) -> None:
    constraint = constrain(make_evidence(passages), mode)
    assert constraint.choose(END, is_spent=False).may_end
    assert not allows(constraint, "“")


def opening(constraint: QuotingConstraint, *, preferred: int, is_spent: bool = False) -> str:
    text = b""
    while not constraint.is_quoting:
        choice = constraint.choose(preferred, is_spent=is_spent)
        if choice.only is None:
            return ""
        (token,) = choice.only
        text += BYTES.pieces[token] or b""
        constraint.accept(token)
    return text.decode()


@pytest.mark.parametrize(("lead_in", "mark"), [("", "“"), ("Look:", " “"), ("Look: ", "“")])
def test_quotation_opens_where_the_model_wants_to_end_too_early(lead_in: str, mark: str) -> None:
    constraint = constrain(make_evidence(MEALS))
    follow(constraint, lead_in)
    assert opening(constraint, preferred=END) == mark


def test_quotation_opens_where_the_budget_is_spent() -> None:
    assert opening(constrain(make_evidence(MEALS)), preferred=ord("a") + 1, is_spent=True) == "“"


def test_quotation_opens_at_the_next_word_after_a_long_lead_in() -> None:
    constraint = constrain(make_evidence(MEALS))
    follow(constraint, "a" * quoting.LEAD_IN_BYTES)
    assert opening(constraint, preferred=ord("a") + 1) == ""
    assert opening(constraint, preferred=ord(" ") + 1) == " “"


def test_quotation_opens_in_the_middle_of_an_endless_word() -> None:
    constraint = constrain(make_evidence(MEALS))
    follow(constraint, "a" * quoting.LEAD_IN_LIMIT)
    assert opening(constraint, preferred=ord("a") + 1) == " “"


def test_answer_can_begin_with_its_quotation() -> None:
    constraint = constrain(make_evidence(MEALS))
    assert constraint.awaits_quotation
    constraint.open_now()
    assert opening(constraint, preferred=ord("a") + 1) == "“"
    assert not constraint.awaits_quotation


def test_quotation_of_a_spent_budget_takes_the_best_unit_the_shortest_way() -> None:
    vocabulary = Vocabulary([None, *(bytes([byte]) for byte in range(256)), b"Ask", b"Ask Ann", b"Taxis are not."])
    evidence = make_evidence(MEALS, scores=[[0.1, 0.1, 0.2], [0.9]])
    constraint = constrain(evidence, vocabulary=vocabulary)
    follow(constraint, "“")
    assert constraint.choose(END, is_spent=True).only == {vocabulary.pieces.index(b"Ask Ann"): 0.0}


def test_scores_decide_where_units_part() -> None:
    constraint = constrain(make_evidence(MEALS, scores=[[0.2, 0.5, 0.1], [0.9]]))
    follow(constraint, "“")
    first = constraint.choose(END, is_spent=False).only or {}
    lag = {score: quoting.SCORE_WEIGHT * (quoting.log_odds(score) - quoting.log_odds(0.9)) for score in (0.5, 0.1)}
    expected = {"A": 0.0, "M": lag[0.5], "T": lag[0.1]}
    assert first == {ord(char) + 1: pytest.approx(bias) for char, bias in expected.items()}
    follow(constraint, "Meals are paid.")
    parting = constraint.choose(END, is_spent=False).only or {}
    behind = quoting.SCORE_WEIGHT * (quoting.log_odds(0.2) - quoting.log_odds(0.5))
    assert parting == {"”".encode()[0] + 1: pytest.approx(behind), ord(" ") + 1: 0.0}


def test_unit_that_holds_what_looks_like_its_own_end_is_quoted_whole() -> None:
    constraint = constrain(make_evidence([["He said “go” [1] and [2]”."]]))
    follow(constraint, "“He said “go” [1] and [2]”.” [1] Done")
    assert constraint.choose(END, is_spent=False).may_end


def test_same_unit_of_two_passages_is_quoted_once_with_either_number() -> None:
    evidence = make_evidence([["Same."], ["Same."]])
    assert allows(constrain(evidence), "“Same.” [1]")
    assert allows(constrain(evidence), "“Same.” [2]")
    assert not allows(constrain(evidence), "“Same.” [2] “")


def test_unit_that_the_tokenizer_can_not_write_is_not_offered() -> None:
    pieces = [None, "“".encode(), "”".encode(), b" ", b"[", b"]", b"1", b"a"]
    vocabulary = Vocabulary(pieces)
    evidence = make_evidence([["a1a", "b"]])
    constraint = constrain(evidence, vocabulary=vocabulary)
    text = write_at_random(constraint, vocabulary=vocabulary, end=END, rng=random.Random(1), steps=5)
    assert check_answer(text, evidence=evidence, mode="always") == [("a1a", 1)]


def test_tokenizer_without_the_mark_can_not_quote_and_may_end() -> None:
    constraint = constrain(make_evidence([["a"]]), vocabulary=Vocabulary([None, b"a"]))
    assert constraint.choose(END, is_spent=False).may_end


def test_evidence_with_scores_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        constrain(make_evidence([["a", "b"]], scores=[[0.5]]))


def test_step_outside_quotations_reuses_one_list_of_banned_tokens() -> None:
    constraint = constrain(make_evidence(MEALS))
    follow(constraint, "Some ")
    lists = set()
    for byte in b"plain words and no mark":
        lists.add(id(constraint.choose(byte + 1, is_spent=False).banned))
        constraint.accept(byte + 1)
    assert len(lists) == 1
