"""Postal addresses for the rail `pii`: of the USA, Britain and the common European forms, with what follows the street.

A street counts when a house number stands with it, in the order of its country ("14 Sample Lane", "Musterweg 5", "12 rue
de la Paix"), or when a word before it says that it is an address. A town, a street, or a post code alone is none. An
address right behind a word for a place that is open to all ("our office at ...") is left alone, unless a word for a
person stands there too. Other alphabets than the Latin one, and streets in lower case that nothing names, are not found.

Whether an address starts is decided within 62 characters of text, so that a stream can be held to the same findings;
where it ends may come later.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re

import regex

from governance.rails.pattern_rail import BEHIND, WINDOW, Rule, rule

CATEGORY = "postal_address"
REACH = WINDOW + 128  # as long as an address with all that follows gets

_UPPER = r"(?![a-zß-öø-ÿ])[^\W\d_]"
_NUM = r"(?:[0-9]{1,3}[-/][0-9]{1,2}|[0-9]{1,5}[A-Za-z]?)"
_AFTER = r"(?:[0-9]{1,4}(?:[-/][0-9]{1,3})?[A-Za-z]?)"
_YEARS = r"(?!(?:1[5-9]|20)[0-9]{2}(?![0-9]))"
_LINE = r"(?:,?\s{1,2}|,?\\n)"
_ORDINAL = r"[0-9]{1,3}(?:st|nd|rd|th)"
_END = r"(?!\w)"
_SMALL = r"(?:de|du|des|del|della|dei|di|la|le|les|los|las|da|do|dos|das|van|von|den|der|am|an|im|zum|zur|y|e|of|the)"
_BEFORE = r"(?<![\w$€£%+#&=@])(?<![0-9][.,:/-])"

_ENGLISH = (
    "street|st|road|rd|avenue|ave|av|lane|ln|drive|dr|boulevard|blvd|terrace|ter|crescent|cres|highway|hwy|parkway|pkwy"
    "|way|court|ct|close|place|pl|mews|grove|gardens|gdns|square|sq|trail|trl|circle|cir|alley|broadway|turnpike|row|loop"
)
# Words that end in a kind of street, as German, Dutch, Scandinavian, Finnish and Hungarian write it.
_GLUED = (
    "stra(?:ss|ß)e|strasse|str\\.|gasse|weg|allee|platz|damm|ufer|straat|steenweg|laan|gracht|plein|singel|dreef"
    "|vej|(?<!bri)(?<!rene)gade|vei|veien|vegen|gata|gaten|gatan|vägen|gränd|stræde|[aeoiä]ntie|katu|kuja|utca|utcája"
)
# Each of these words holds one of these, which is faster to look for.
_GLUED_PARTS = (
    *(
        "stra",
        "str.",
        "gasse",
        "weg",
        "allee",
        "platz",
        "damm",
        "ufer",
        "laan",
        "gracht",
        "plein",
        "singel",
        "dreef",
        "vej",
    ),
    *("gade", "vei", "vegen", "gata", "gaten", "vägen", "gränd", "stræde", "ntie", "katu", "kuja", "utca", "utcája"),
)
_STANDS_ALONE = "stra(?:ss|ß)e|str\\.|weg|gasse|allee|allé|platz|vej|vei|utca|út|u\\.|tér|gatan|trg|ulica|ulice"
# Kinds of street that stand before the name, as Romance and Slavic languages write it.
_PREFIXES = (
    "rue|avenue|av\\.|boulevard|bd|chemin|impasse|allée|quai|place|viale|piazza|corso|vicolo|calle|avenida|avda\\.?"
    "|paseo|plaza|camino|camiño|carrer|rua|travessa|praça|estrada|ulica|ul\\.|aleja|al\\.|os\\.|strada|bulevardul|trg"
)
_CODE = r"(?:[0-9]{5}(?:-[0-9]{4})?|(?i:[a-z]{1,2}[0-9][a-z0-9]? ?[0-9][a-z]{2}|[a-z][0-9][a-z] ?[0-9][a-z][0-9]))"
_UNIT = r"(?i:(?:apt|apartment|suite|ste|unit|flat|floor|room|building|bldg|block|no|apto)\.? ?#?[0-9]{1,5}[a-z]?|(?:unit|flat|apt|apartment|block) [a-z]|#[0-9]{1,5})"
_BOX = r"(?i:p\. ?o\. ?box|po box|post office box|postfach|unit [0-9]{1,5},? box|psc [0-9]{1,5},? box)"
_FORCES = r"[AFD]PO,? A[AEP],? [0-9]{5}"

_PERSON = re.compile(
    r"\b(?:my|mine|his|her|their|home|lives?|lived|living|resid\w+|patients?|customers?|clients?|applicants?|tenants?"
    r"|employees?|members?|private|personal|mrs?|ms|wife|husband|mother|father|parents|daughter|son|born|wohnt|wohnhaft)\b",
    re.IGNORECASE,
)
_OPEN_TO_ALL = re.compile(
    r"\b(?:offices?|headquarters|hq|headquartered|stores?|shop|showroom|branch|warehouse|factory|plant|hotel|restaurant|caf[eé]|museum"
    r"|hospital|clinic|pharmacy|library|school|university|campus|station|theat(?:er|re)|gallery|bank|town hall|city hall"
    r"|visit us|find us|contact us|write to us|our address|inc\.?|ltd\.?|llc|plc|gmbh|company)\b"
    r"(?:[ ,:(-]{1,3}(?!and\b|or\b)[\w'.-]{1,14}){0,3}[ ,:(*-]{1,4}\Z",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r'[.!?;]\s|[\n|{}"]')


def address_rules() -> list[Rule]:
    """Return the rules that find addresses."""
    tail = _tail(open_ended=False)
    return [
        *(
            rule(
                CATEGORY,
                0.85,
                f"(?P<span>{form}{tail})",
                end_of=None if form.endswith(_MILITARY) else _private_end,
                needs="0123456789",
            )
            for form in _forms(_BEFORE, _END)
        ),
        rule(CATEGORY, 0.85, f"{_LABEL}(?P<span>{_labelled(_END)}{tail})", end_of=_private_end, needs="0123456789"),
        rule(
            CATEGORY,
            0.8,
            rf"(?i:\b(?:zip|zip[ _-]?code|post[ _-]?code|postal[ _-]?code|plz|code[ _-]?postal|cap)\b[ \t:=|*'\"]{{1,6}}(?:is )?)(?P<span>{_CODE}|[0-9]{{4}} ?[A-Z]{{2}}|[0-9]{{4}})(?![\w-])",
            needs="0123456789",
        ),
    ]


def open_address(text: str) -> int:
    """Return from where the end of a folded text may still be, become or go on as an address; its length when nowhere.

    Where a whole text would need a character behind a match to decide, any is taken here.
    """
    places = [label.end() for label in _LABELS.finditer(text)]
    undecided: list[int] = [at for at in places if _OPEN_LABELLED.fullmatch(text, at, partial=True)]
    lowered = text.lower()
    starts = _START_OR_GLUED if any(part in lowered for part in _GLUED_PARTS) else _START
    for start in starts.finditer(text):
        if _OPEN.fullmatch(text, start.start(), partial=True):
            undecided.append(start.start())
            break
    return min([len(text), *undecided])


def _name(most: int) -> str:
    """Return a pattern for a capitalised word or an ordinal of at most so many characters."""
    return rf"(?:{_UPPER}[\w'’.-]{{0,{most - 1}}}|{_ORDINAL})"


def _forms(start: str, end: str) -> list[str]:
    """Return the patterns of streets, each at most 62 characters long, after what says that a word starts and ends."""
    name = f"(?:{_SMALL} ){{0,2}}(?:{_name(13)}|[dl]['’]{_name(11)})(?: (?:{_SMALL} )?{_name(13)})?"
    street = f"(?i:{_ENGLISH}){end}\\.?"
    years = rf"(?:{_YEARS}|(?!....[-/,A-Za-z])(?i:(?<!in )(?<!of )(?<!the )(?<!since )(?<!by )))"
    return [
        f"{start}{years}{_NUM},? (?:(?:{_name(14)} ){{1,3}}|(?:{_name(10)} ){{4}}){street}(?: (?:N|S|E|W|NE|NW|SE|SW|North|South|East|West){end})?",
        f"{start}{_YEARS}{_NUM} Broadway{end}",
        f"{start}{_NUM},? (?:bis |ter )?(?:(?i:{_PREFIXES})|Via) {name}{end}",
        f"{start}(?:(?i:{_PREFIXES})|Via) {name},? (?:n[.°] ?)?{_AFTER}{end}",
        f"{start}(?:{_name(14)}[ -])?(?:\\w{{2,22}}(?i:{_GLUED})|{_name(20)}[ -](?i:{_STANDS_ALONE})) ?{_AFTER}{end}",
        f"{start}{_NUM} (?:{_name(10)} ){{0,3}}{_name(10)}(?: [0-9]{{1,4}})?{_LINE}{_UNIT}{end}",
        f"{start}{_NUM} {_name(10)}(?: {_name(10)})?,\\s{_name(10)}(?: {_name(10)})?,? (?:[A-Z]{{2}} )?{_CODE}{end}",
        f"{start}{_BOX} ?#?[0-9]{{1,6}}{end}",
        f"{start}{_MILITARY}",
    ]


_MILITARY = rf"(?:US[A-Z]{{1,3}} {_name(14)}{_LINE})?{_FORCES}"
_LABEL = (
    r"(?i:(?<![a-z])(?:address(?:es)?|addr|residence|anschrift|adresse|adres|dirección|domicilio|indirizzo|endereço)"
    r"[\"'*_]{0,3}[ \t]?(?:line 1)?[ \t]?(?:is|was|will be|:|=|\||lautet)[ \t\"'*|]{0,4}(?:now |at )?"
    r"|(?<![a-z])(?:lives?|lived|living|resid(?:e|es|ed|ing)|wohn(?:t|haft)|habite) (?:at|in|on|now at|au) (?:the )?)"
)


def _labelled(end: str) -> str:
    word, name = r"[^\W\d_][\w'’-]{0,13}", rf"{_UPPER}[\w'’-]{{0,14}}"
    return f"(?:{_NUM},?(?: {word}){{1,4}}{end}|{name}(?: {name}){{0,2}} {_YEARS}{_NUM}{end})"


def _tail(*, open_ended: bool) -> str:
    """Return the pattern of what follows a street: flat, town, state, code, country."""
    part = f"{_UPPER}[\\w'’-]{{0,14}}"
    town = f"(?:St\\. )?{part}(?:[ -](?:{_SMALL} )?{part}){{0,2}}"
    gap = r"(?:,?[ \t]{1,2}|,?[ \t]?\n[ \t]{0,3}|,?\\n)"
    stop = "" if open_ended else r"(?=[ \t]{0,2}(?:[.,;:)\]\"'|\\\n]|\Z)| [a-z])"
    word = "" if open_ended else r"(?!\w)"
    sure = f"{_UNIT}{word}|{_FORCES}|(?:[A-Z]{{1,2}}-)?(?:[0-9]{{4,5}}(?: [A-Z]{{2}})?|[0-9]{{3}} [0-9]{{2}}|[0-9]{{2}}-[0-9]{{3}}|[0-9]{{4}}-[0-9]{{3}}) {town}{word}|(?:{town},?\\n[ \\t]{{0,3}})?{town},? (?:[A-Z]{{2,3}},? )?(?:{_CODE}|[0-9]{{4}}){word}|(?:[A-Z]{{2}} )?{_CODE}{word}"
    return f"(?:{gap}(?:{sure})|,[ \\t]{{1,2}}(?:{town}|[A-Z]{{2}}){stop}){{0,3}}"


def _private_end(match: re.Match[str]) -> int | None:
    """Return the match's end, unless words right before it say that the place is open to all."""
    before = match.string[max(0, match.start("span") - BEHIND) : match.start("span")]
    sentence = _SENTENCE.split(before)[-1]
    is_open_to_all = _OPEN_TO_ALL.search(sentence) is not None and _PERSON.search(sentence) is None
    return None if is_open_to_all else match.end("span")


_BEGINS = rf"[0-9]|{_UPPER}|(?i:{_PREFIXES}|unit|p\.|po|post|psc)"
_START = regex.compile(rf"(?<![A-Za-z0-9])(?:{_BEGINS})", regex.V0)
_START_OR_GLUED = regex.compile(rf"(?<![A-Za-z0-9])(?:{_BEGINS}|\w{{2,22}}(?i:{_GLUED}))", regex.V0)
_OPEN = regex.compile(f"(?:{'|'.join(_forms('', ''))}){_tail(open_ended=True)}", regex.V0)
_LABELS = regex.compile(_LABEL, regex.V0)
_OPEN_LABELLED = regex.compile(_labelled("") + _tail(open_ended=True), regex.V0)
