"""Understands what the last user message asks for: whether it needs evidence, and what to search for. Pure, English.

Careful by design: whatever isn't plainly small talk needs evidence.
"""

import re
from collections.abc import Sequence

from core.schema import Message

MAX_QUERY = 2000  # characters; a longer message is searched for by its end, where the question usually stands

# These match a message in lower case without punctuation.
_NAMES = r"(?: (?:there|all|everyone|everybody|team|again|friend|folks|guys|you|assistant|agent|bot))*"
_GREETING = rf"(?:hi+|hey+|hello+|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|welcome back){_NAMES}"
_WELLBEING = r"(?:how are you(?: doing)?(?: today)?|how(?:'s| is) it going|what'?s up|nice to meet you|how do you do)"
_PRAISE = (
    r"(?:ok|okay|great|perfect|cool|wonderful|super|lovely|brilliant|excellent|awesome|good(?: job)?|nice|well done)"
)
_THANKS = (
    r"(?:(?:many )?thanks?(?: you)?(?: (?:so|very) much| a lot| again)?"
    r"(?: for (?:your|the|all(?: of)? (?:your|the)) (?:help|answers?|time|support|info|information))?"
    r"|thx|ty|cheers|much appreciated|got it|i see|that(?:'s| is| was) (?:all|it|helpful|great|very helpful|perfect))"
)
_GOODBYE = (
    r"(?:good ?bye|bye(?: ?bye)?|see (?:you|ya)(?: (?:later|soon|tomorrow|around))?|farewell|take care|"
    r"good ?night|have a (?:nice|good|great|lovely) (?:day|evening|night|weekend|one)|until next time)"
)
_WHAT_YOU_ARE = r"(?:bot|robot|human|person|machine|ai|assistant|chatbot|language model)"
_ABOUT = (
    r"(?:(?:so )?(?:who|what)(?: exactly)? are you|what(?:'s| is) your (?:name|purpose|job|role|task)"
    r"|what (?:can|do) you do(?: for (?:me|us))?|(?:what|how) can you help(?: (?:me|us))?(?: with)?"
    r"|what can i ask(?: you)?(?: about)?|what (?:do|can) you (?:know|answer|help with)(?: about)?"
    r"|(?:please )?(?:introduce|describe) yourself|tell me (?:something |a bit |more )?about yourself"
    rf"|are you (?:there|(?:an? )?(?:real |actual )?{_WHAT_YOU_ARE})|what {_WHAT_YOU_ARE} are you"
    rf"|am i (?:talking|speaking|chatting) (?:to|with) (?:an? )?{_WHAT_YOU_ARE}|do you have a name"
    r"|who (?:made|built|created|trained|runs) you|how do you work|(?:can you )?help(?: me)?)"
)
_SMALL = f"(?:{_GREETING}|{_WELLBEING}|{_PRAISE}|{_THANKS}|{_GOODBYE}|{_ABOUT})"
_SMALL_TALK = re.compile(rf"{_SMALL}(?: (?:and |but )?{_SMALL}){{0,4}}(?: (?:please|today|then))?")

_OPENS_FOLLOW_UP = re.compile(
    r"\s*(?:and|but|or|also|then|so|what about|how about|what if|why(?: not)?|since when|until when|how so|which one|"
    r"any others?|anything else|else|instead|same for|in that case|is that|are those|who else|where else)\b",
    re.I,
)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|the (?:former|latter|other|others|previous one)|"
    r"(?:this|that|these|those|there|then|one|ones|same)(?=\s*[.?!]*$))\b|^\s*(?:is|are|does|do|was|were|can|for) "
    r"(?:this|that|these|those)\b",
    re.I,
)
_ASKS = r"(?:what|how|who|whom|whose|where|when|which|why|until when|since when|by when)"
_NEXT_PART = re.compile(
    rf"(?<=\?)\s+(?=\S)|,?\s+(?:and|or)\s+(?={_ASKS}\b)"
    rf"|,\s+and\s+(?=(?:\w+ ){{0,2}}{_ASKS}\b|(?:is|are|do|does|did|can|may|must|should|will)\b)",
    re.I,
)
_TWICE = re.compile(
    r"(?P<ask>.+?\b(?P<link>after|at|before|by|during|for|from|in|of|on|to|under|with)) "
    r"(?P<one>[^,?]+?),? and (?P=link) (?P<other>\S.*)",
    re.I,
)
_PART_WORDS = 3
_SHORT_WORDS = 3
_FOLLOW_UP_WORDS = 12


def needs_evidence(text: str) -> bool:
    """Say whether a message asks for something that only a dataset can answer.

    False for greetings, thanks, goodbyes, and questions about the agent itself, and for a message without any word.
    """
    words = re.findall(r"[\w']+", text.lower().replace("’", "'"))
    return bool(words) and _SMALL_TALK.fullmatch(" ".join(words)) is None


def stands_alone(conversation: Sequence[Message]) -> bool:
    """Say whether the last message asks for something by itself: it is no small talk, and no follow-up to another."""
    asked = [m.content for m in conversation if m.role == "user"]
    return bool(asked) and needs_evidence(asked[-1]) and not (len(asked) > 1 and is_follow_up(asked[-1]))


def search_query(conversation: Sequence[Message]) -> str:
    """Return what to search for: the last user message, with the question before it when it is a follow-up.

    A follow-up is short and opens like one ("And …?", "What about …?"), refers back ("it", "those"), or has
    three words or fewer. Small talk in between is skipped.
    """
    asked = [m.content.strip() for m in conversation if m.role == "user"]
    if not asked:
        return ""
    last = asked[-1]
    if is_follow_up(last):
        earlier = next((text for text in reversed(asked[:-1]) if needs_evidence(text)), "")
        last = f"{earlier}\n{last}".strip()
    return last[-MAX_QUERY:]


def question_parts(query: str) -> list[str]:
    """Return what is asked one by one: "What is A, and when is B?" asks twice, as does "What is A for B and for C?".

    A part that can't be understood alone ("when is it due?") keeps what stood before it as an earlier line, any other
    only the numbers of the whole, such as a year.
    """
    *earlier, last = query.split("\n")
    pieces = [piece.strip() for piece in _NEXT_PART.split(last) if piece.strip()]
    if len(pieces) == 1 and (twice := _TWICE.fullmatch(pieces[0])):
        pieces = [f"{twice['ask']} {twice[asked]}" for asked in ("one", "other")]
    if len(pieces) < 2 or any(len(piece.split()) < _PART_WORDS for piece in pieces):
        return [query]
    numbers = " ".join(re.findall(r"\S*\d[^\s,?]*", last))
    rest = [numbers] if numbers else []
    before = [pieces[:number] if is_follow_up(piece) else rest for number, piece in enumerate(pieces)]
    return ["\n".join([*earlier, *lines, piece]) for lines, piece in zip(before, pieces, strict=True)]


def is_follow_up(text: str) -> bool:
    """Say whether a message can hardly be understood without the one before it."""
    words = len(text.split())
    if words > _FOLLOW_UP_WORDS:
        return False
    return words <= _SHORT_WORDS or bool(_OPENS_FOLLOW_UP.match(text)) or bool(_REFERS_BACK.search(text))
