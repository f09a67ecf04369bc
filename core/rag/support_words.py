"""Words that say how a sentence relates to another: those that carry no meaning, negations, opposites. English."""

from collections.abc import Mapping

_FUNCTION = """
a an the this that these those it its itself he him his she her hers they them their theirs we us our ours you your
yours i me my mine myself who whom whose which what where when why how there here is are was were be been being am do
does did done doing have has had having can could may might must shall should will would of in on at by for from to
into onto with within about over under between through during before after as than then so such and or but nor if
while because though although also just very too only even not no never none neither nobody nothing without cannot out
up down off again more most some any each every both all other same own s t d m re ve ll n't n yes well oh really
"""
FUNCTION_WORDS = frozenset(_FUNCTION.split())
_PERSONAL = """
i me my mine we us our you your i'm i've i'd i'll we're you're
"""
PERSONAL = frozenset(_PERSONAL.split())
_NEGATIONS = """
not no never none neither nobody nothing without cannot nor n't unable fails failed
"""
NEGATIONS = frozenset(_NEGATIONS.split())
_NUMBERS = """
zero 0 two 2 three 3 four 4 five 5 six 6 seven 7 eight 8 nine 9 ten 10 eleven 11 twelve 12 thirteen 13 fourteen 14
fifteen 15 sixteen 16 seventeen 17 eighteen 18 nineteen 19 twenty 20 thirty 30 forty 40 fifty 50 sixty 60 seventy 70
eighty 80 ninety 90
"""  # without "one", which is a pronoun as often as a number
NUMBER_WORDS: Mapping[str, str] = dict(zip(_NUMBERS.split()[::2], _NUMBERS.split()[1::2], strict=True))

_PAIRS = """
increase decrease; rise fall; up down; high low; higher lower; highest lowest; more less; most least; large small;
larger smaller; largest smallest; big little; long short; longer shorter; early late; earlier later; first last;
before after; open close; opened closed; start end; begin finish; allow forbid; allowed forbidden; permit prohibit;
accept reject; accepted rejected; include exclude; included excluded; above below; always never; required optional;
mandatory voluntary; win lose; won lost; winner loser; buy sell; arrive depart; enter leave; north south; east west;
northern southern; eastern western; male female; man woman; men women; boy girl; son daughter; father mother; brother
sister; husband wife; positive negative; true false; right wrong; left right; good bad; better worse; best worst; hot
cold; warm cool; old young; older younger; oldest youngest; new old; public private; free paid; full empty; safe
dangerous; strong weak; stronger weaker; success failure; succeed fail; active inactive; alive dead; born died; day
night; morning evening; summer winter; minimum maximum; gain loss; grow shrink; push pull; same different; similar
different; easy difficult; easier harder; enable disable; join leave; remember forget; love hate; rich poor; wet dry;
odd even; internal external; inside outside; upper lower; import export; support oppose; agree disagree; improve
worsen; raise lower;
"""
_SUFFIXES = (
    ("ations", "at"), ("ation", "at"), ("ments", "ment"), ("ness", ""), ("ingly", ""), ("edly", ""), ("ies", "y"),
    ("ied", "y"), ("ing", ""), ("ers", "er"), ("ed", ""), ("ly", ""), ("sses", "ss"), ("es", ""), ("s", ""),
)  # fmt: skip
_SHORTEST = 3


def stem(word: str) -> str:
    """Return what a lower-case word shares with its other forms; crude, and the same for both sides of a comparison."""
    word = word.removesuffix("'s").removesuffix("'")
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and not word.endswith("ss") and len(word) - len(suffix) >= _SHORTEST:
            word = word[: -len(suffix)] + instead
            break
    if len(word) > _SHORTEST and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > _SHORTEST else word


def normal_number(text: str) -> str:
    """Return a number's digits without the signs that group thousands and without zeros at the end of a fraction."""
    whole, dot, fraction = text.replace(",", "").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole.lstrip('0') or '0'}{dot}{fraction}" if fraction else whole.lstrip("0") or "0"


def _opposites() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for pair in _PAIRS.replace("\n", " ").split(";"):
        words = pair.split()
        for one, other in (words, words[::-1]) if words else ():
            found[one] = (*found.get(one, ()), other)
    return found


OPPOSITES = _opposites()
ANTONYMS: Mapping[str, frozenset[str]] = {
    stem(word): frozenset(stem(other) for other in others) for word, others in OPPOSITES.items()
}
