import pytest

from core.training import starter_phrases as phrases
from governance.refusals import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        phrases.REFUSE_HARM,
        phrases.REFUSE_PRIVATE,
        phrases.REFUSE_OVERRIDE,
        phrases.CRISIS,
        "I'm sorry, but I can't assist with that request.",
        "I’m sorry, I can’t help you with that.",
        "Sorry, I cannot provide instructions for this.",
        "I am not able to help with that.",
        "I won't create content of this kind.",
        "Unfortunately, I can't share personal data.",
    ],
)
def test_refusals_are_known(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        phrases.ABSTAIN,
        "I'm sorry, I can't find that in the datasets.",
        "The warranty can't be extended.",
        "I can see that the limit is 60 USD.",
        "I'm sorry to hear that your parcel is late. It is sent again within two days.",
        "I can't help but notice that “Meals are paid.” [1]",
        "I can't help with that. " + "Still, here is how it is done. " * 20,
        "",
    ],
)
def test_other_answers_are_none(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize("talk", phrases.SMALL_TALK, ids=lambda talk: talk.kind)
def test_small_talk_is_none(talk: phrases.SmallTalk) -> None:
    assert not is_refusal(talk.answer)
    assert not is_refusal(talk.brief)
