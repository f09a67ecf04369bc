import pytest

from core.training import starter_phrases as phrases
from core.training.starter_adapter_forms import FORMS, PLAIN_LEAD, render_answer
from core.training.starter_shape import is_abstention, is_refusal, is_well_formed

ONE, TWO, THREE = (phrases.quote(f"Sentence {n}.", number=n) for n in (1, 2, 3))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("quotations", [(ONE,), (ONE, TWO), (ONE, TWO, THREE)], ids=["one", "two", "three"])
def test_what_an_adapter_teaches_is_well_formed(form, quotations):
    assert is_well_formed(render_answer(form, quotations))


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        f"{ONE} {TWO}",
        f"According to the datasets, {ONE} Also, {TWO}",
        f"The datasets say:\n- {ONE}",
        phrases.ABSTAIN,
        phrases.REFUSE_HARM,
        "Hello.",
    ],
)
def test_what_the_model_may_write_is_well_formed(text):
    assert is_well_formed(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Meals are free.",
        f"Meals are free. {ONE}",
        f"{ONE} Meals are free.",
        f"{ONE}{TWO}",
        f"{ONE} Meals are free. {TWO}",
        PLAIN_LEAD,
        f"{PLAIN_LEAD}{PLAIN_LEAD}{ONE}",
        f"{PLAIN_LEAD}{ONE} Also,",
        f"The datasets say:\n- {ONE}\n- ",
        "“Sentence 1.”",
        f"{phrases.ABSTAIN} {ONE}",
    ],
)
def test_anything_else_is_not(text):
    assert not is_well_formed(text)


def test_refusals_and_abstentions_are_told_by_their_beginning():
    assert is_refusal(phrases.CRISIS + " More.")
    assert is_abstention(phrases.ABSTAIN)
    assert not is_refusal(phrases.ABSTAIN)
    assert not is_abstention(ONE)
