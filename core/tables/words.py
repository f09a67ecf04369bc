"""Words of questions and cells in plain form, their stems, and numbers and dates inside of a text."""

import re
import unicodedata
from functools import cache, lru_cache

import tantivy


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_UP_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBER_WORDS = {word: float(n) for n, word in enumerate(_UP_TO_TWENTY.split())} | {
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "hundred": 100.0,
    "dozen": 12.0,
}
SCALES = {"thousand": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9, "trillion": 1e12}
STOP_WORDS = word_set(
    "a an the of in on at to for by with from and or is are was were be been being do does did has have had which "
    "what who whom whose when where how many much that this these those there it its they their them he she his her "
    "not no "
    "than then as if all any each every other s t was list name listed table according chart only also did"
)
HIGH = word_set(
    "most highest largest biggest greatest best top maximum max longest tallest oldest latest farthest fastest "
    "heaviest deepest strongest widest higher larger bigger greater more better longer taller older later faster "
    "heavier newest richest newer furthest worst lowest high"
)
LOW = word_set(
    "least fewest lowest smallest shortest minimum min worst earliest youngest slowest lightest fewer lower smaller "
    "less shorter earlier younger slower lighter weakest bottom nearest closest narrowest fastest quickest best top "
    "oldest highest first cheapest low sooner"
)
"""Some words stand in both: the best may have the highest or the lowest rank."""
ENDS = word_set("first last top final recent latest earliest start end bottom initial begin before after earlier later")
ENDS |= word_set("most best worst winner win won")
FREQUENT = word_set(
    "most least common often fewest frequent frequently more less many popular majority highest largest"
)
FREQUENT |= word_set("greatest fewer only")
BESIDE = word_set("next after before previous previously follow following followed follows preceding preceded precedes")
BESIDE |= word_set("prior above below later earlier came come comes beneath under directly immediately right just")
BESIDE |= word_set("listed succeeded preceeding subsequent proceeded")
COMPARING = word_set(
    "difference more fewer less than longer compared higher between taller older larger bigger greater"
)
COMPARING |= word_set("faster better lower apart ahead shorter younger elapsed passed far from earlier later after")
COMPARING |= {"margin"}
_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = {name[:size]: n for n, name in enumerate(_MONTH_NAMES.split(), start=1) for size in (3, len(name))} | {
    "sept": 9
}
_MONTH = re.compile("|".join(name[:3] for name in _MONTH_NAMES.split()))
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*")
_NUMBER = re.compile(r"(?<![\d.])(-|−)?\s?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?|(?<!\d)(\.\d+)")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d\d(?:\.\d+)?)")
_NOTE = re.compile(r"\[[^\]]*\]")
_DAY_MONTH = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)? (?:of )?([a-z]{3,9})\.?(?:,? (\d{4}))?\b")
_MONTH_DAY = re.compile(r"\b([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?(?![\d:])")
_MONTH_YEAR = re.compile(r"\b([a-z]{3,9})\.?,? (\d{4})\b")
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_YEAR = re.compile(r"(?<![\d,.])(1[0-9]\d\d|20\d\d)(?![\d,]|\.\d)")


def fold(text: str) -> str:
    """Return a text in lower case, without accents and notes in brackets."""
    text = _NOTE.sub(" ", text)
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text).lower()
    return "".join(c for c in text if not unicodedata.combining(c)).replace("–", "-").replace("’", "'")


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """Return the words and numbers of a text in lower case, single spaces between them; thousands' commas left out."""
    return " ".join(word.replace(",", "") for word in _WORD.findall(fold(text)))


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return the English stem of a word in plain form."""
    found = _stemmer().analyze(word)
    return str(found[0]) if len(found) == 1 else word


@cache
def _stemmer() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    return builder.filter(tantivy.Filter.stemmer("english")).build()


@lru_cache(maxsize=65_536)
def number_in(text: str) -> float | None:
    """Return the first number of a text: 1,200 of "1,200 km", seconds of "1:02.5", 5500000 of "$5.5 million"."""
    folded = fold(text)
    if not _DIGIT.search(folded):
        return None
    if clock := _CLOCK.search(folded):
        hours, minutes, seconds = clock.groups()
        return float(hours or 0) * 3600 + float(minutes) * 60 + float(seconds)
    found = _NUMBER.search(folded)
    if found is None:
        return None
    sign, whole, part, bare = found.groups()
    value = float(bare or (whole.replace(",", "")[:300] + (part or "")))
    after = folded[found.end() :].split(maxsplit=1)
    if after and after[0] in SCALES:
        value *= SCALES[after[0]]
    return -value if sign and found.start() == len(folded) - len(folded.lstrip()) else value


@lru_cache(maxsize=65_536)
def date_in(text: str) -> float | None:
    """Return the first date of a text as YYYYMMDD, with zeros for what isn't said."""
    folded = fold(text)
    if not _DIGIT.search(folded):
        return None
    if iso := _ISO.search(folded):
        year, month, day = map(int, iso.groups())
        return float(year * 10_000 + month * 100 + day)
    if _MONTH.search(folded) and (value := _date_with_month(folded)) is not None:
        return value
    if year_alone := _YEAR.search(folded):
        return float(int(year_alone[1]) * 10_000)
    return None


def _date_with_month(folded: str) -> float | None:
    for form, order in ((_MONTH_DAY, (2, 0, 1)), (_DAY_MONTH, (2, 1, 0))):
        for found in form.finditer(folded):
            year_text, month_name, day_text = (found.groups()[place] for place in order)
            if month_name in MONTHS and 1 <= int(day_text) <= 31:
                return float(int(year_text or 0) * 10_000 + MONTHS[month_name] * 100 + int(day_text))
    for found in _MONTH_YEAR.finditer(folded):
        if found[1] in MONTHS:
            return float(int(found[2]) * 10_000 + MONTHS[found[1]] * 100)
    return None


def has_month(text: str) -> bool:
    """Return whether a text gives a date with its month."""
    value = date_in(text)
    return value is not None and value % 10_000 >= 100
