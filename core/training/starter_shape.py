"""The forms that an answer may have: a lead-in with cited quotations, or one of the sentences that the model knows.

What the starter model's adapters teach is among them. Says nothing of whether an answer is right. Refusals of rails are
no answers of the model and are not judged here.
"""

import re

from core.rag.prompt import STYLES
from core.training import starter_phrases as phrases
from core.training.starter_adapter_forms import PLAIN_LEAD

REFUSALS = (phrases.REFUSE_HARM, phrases.REFUSE_PRIVATE, phrases.REFUSE_OVERRIDE, phrases.CRISIS)
_OPENINGS = ("why", "how do", "is ", "who")  # a question for each form of lead-in
_LEADS = sorted({phrases.lead_in(question, style=style) for question in _OPENINGS for style in STYLES} | {PLAIN_LEAD})
_JOINS = sorted({phrases.join(style) for style in STYLES})
_TALK = [text for talk in phrases.SMALL_TALK for text in (talk.answer, talk.brief)]
_SENTENCES = {phrases.ABSTAIN, *REFUSALS, *_TALK}
_CITED = r"” \[\d{1,2}\]"
_QUOTATION = rf"“(?:(?!{_CITED})[^\n])+{_CITED}"  # ends at its first citation: what follows is no part of it


def _any_of(texts: list[str]) -> str:
    return f"(?:{'|'.join(re.escape(text) for text in texts)})"


_QUOTING = re.compile(rf"{_any_of(_LEADS)}{_QUOTATION}(?:{_any_of(_JOINS)}{_QUOTATION})*")


def is_well_formed(text: str) -> bool:
    """Say whether a text that the model wrote has one of the allowed forms, nothing before or after."""
    return text in _SENTENCES or is_quoting(text)


def is_quoting(text: str) -> bool:
    """Say whether a text is a lead-in with cited quotations and nothing else."""
    return _QUOTING.fullmatch(text) is not None


def is_refusal(text: str) -> bool:
    """Say whether a text begins with a refusal of the model's own."""
    return text.startswith(REFUSALS)


def is_abstention(text: str) -> bool:
    """Say whether a text begins by saying that the datasets hold no answer."""
    return text.startswith(phrases.ABSTAIN)
