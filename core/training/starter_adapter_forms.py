"""The forms of answering that the starter model's adapters teach, as text. Loads no model.

No form has words behind its last quotation: the engine may have to go on with another one there.
"""

from collections.abc import Sequence
from typing import Literal

from core.training import starter_phrases as phrases

Form = Literal["brief", "bullets", "plain-language"]
FORMS: tuple[Form, ...] = ("brief", "bullets", "plain-language")
PLAIN_LEAD = "Here is what the datasets say, and each number tells you which source it is from: "


def render_answer(form: Form, quotations: Sequence[str]) -> str:
    """Return the quotations as the form writes them."""
    lead = PLAIN_LEAD if form == "plain-language" else phrases.lead_in("", style=form)
    return lead + phrases.join(form).join(quotations)
