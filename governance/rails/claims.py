"""Reads an answer into its sentences: where each ends, what it cites and quotes, and whether it claims anything.

English. A sentence is never ended inside “…” on one line, and takes the citations behind it along, so that it can be
told from a growing text which sentences are whole. What greets, declines, asks or leads in claims nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CITATION = re.compile(r"\[(\d{1,3})\]")
_CITED = r"(?:\s*\[\d{1,3}\](?:\s*,)?)*"
_END = re.compile(rf"(?:[.!?…。！？]+[\"”’)\]*]*{_CITED}(?:[.!?](?=\s))?(?=\s)|\n)\s*")
_CITATION_BEGINS = re.compile(r"\[\d{0,3}\]?\s*\Z")
_ABBREVIATED = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|e\.g|i\.e|cf|no|fig|approx|inc|ltd|co|art|sec|al)"
    r"|\b[A-Z]|(?:^|\n)\s*(?:[-*•]\s*)?\d{1,3})\.\s*\Z",
    re.I,
)
_QUOTED = re.compile(r"[“\"]([^“”\"]*)[”\"]")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MARKUP = re.compile(r"^\s*(?:#+\s+|[-*•]\s+|\d{1,3}[.)]\s+|>\s+)+|\*\*|`")
_INTERJECTION = re.compile(
    r"(?:(?:hi|hello|hey|greetings|welcome|good (?:morning|afternoon|evening|day)|thanks?|thank you|you['’]re welcome"
    r"|sure|of course|certainly|absolutely|okay|ok|oh|yes|yeah|no|well|great question|good question|unfortunately"
    r"|(?:i['’]?m|i am|we are|we['’]re) (?:\w+ )?(?:sorry|afraid)|sorry|i apologi[sz]e)\b"
    r"(?: (?:there|all|everyone|but|for (?:that|asking)|that))*[\s,.;:!–—-]*)+",
    re.I,
)
_SAYS_NOTHING = re.compile(
    r"(?:i hope|hope (?:this|that)|let me know|feel free|is there anything|you are (?:going through|not alone)"
    r"|please (?:let|ask|feel|check|talk|call|reach out|seek|contact (?:me|someone|a|your))"
    r"|if you (?:have|need|want|would like)|happy to|glad to|my pleasure|take care|goodbye|bye|(?:i['’]m|i am) (?:here"
    r"|glad|happy|an? (?:\w+ )?(?:assistant|ai))|i(?:['’]d| would) be happy|i can (?:help|also|tell|look)"
    r"|i(?:['’]ll| will) (?:help|look|try|do|quote|answer|summari[sz]e|list)"
    r"|here(?:['’]s| is| are) (?:what|the|an?|some|your|all|how)|below (?:is|are)|to (?:answer|summari[sz]e) your)\b",
    re.I,
)
_TOLD = (
    r"(?:say|mention|state|contain|include|provide|specify|answer|cover|give|describe|address|tell|hold|explain|list)"
)
_SOURCE = r"(?:documents?|passages?|evidence|sources?|text|datasets?|context|information|excerpts?)"
_DECLINES = re.compile(
    r"(?:(?:i|we) (?:can ?not|can['’]t|could ?n['’]t|could not|was unable to|am unable to|am not able to|are unable to)"
    r" (?:\w+ )?(?:find|see|answer|help|say|tell|determine|confirm|locate|provide|verify|assist|share|do|give|comply"
    r"|set|show|reveal|disclose|discuss|support|create|write|generate)"
    r"|(?:i|we) (?:do not|don['’]t) (?:know|have (?:any |enough |that |this |the )?"
    r"(?:information|data|access|details?))"
    r"|(?:i|we) (?:did not|didn['’]t) find|(?:i|we) (?:have|found|see|saw) no"
    r"|(?:i['’]m|i am) (?:not (?:sure|able)|unable)"
    rf"|(?:the |these |your )?(?:\w+ )?{_SOURCE}(?: (?:provided|given|above|here))? (?:do|does|did) ?(?:not|n['’]t)"
    rf"(?: \w+)? {_TOLD}|(?:the |these |your )?(?:\w+ )?{_SOURCE} (?:don|doesn|didn)['’]t(?: \w+)? {_TOLD}"
    r"|(?:there is|there['’]s) no (?:mention|information|answer|evidence|passage|detail)"
    rf"|[^.]{{0,60}}\b(?:is|are|was|were) not (?:mentioned|stated|specified|covered|given|provided|found)(?: \w+)?"
    rf" in the (?:\w+ )?{_SOURCE}|nothing in the (?:\w+ )?{_SOURCE}|no (?:\w+ )?{_SOURCE} {_TOLD}s?)",
    re.I,
)
_LEAD_IN_WORDS = 14
FEWEST_CLAIMED = 3  # words: what is shorter and cites nothing is taken for no claim
FEWEST_QUOTED = 4  # words: shorter ones in quotation marks are names or terms


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer.

    Attributes:
        start: Its first character.
        end: One past its last, citations included.
        text: Without citations, marks of lists and headings.
        cited: The numbers in brackets, each once, in order.
        quoted: What stands between quotation marks, from `FEWEST_QUOTED` words on.
        rest: The text without what is quoted.
    """

    start: int
    end: int
    text: str
    cited: tuple[int, ...]
    quoted: tuple[str, ...]
    rest: str

    @property
    def is_lead_in(self) -> bool:
        """Say whether the words around a quotation only introduce it."""
        is_short = len(_WORD.findall(self.rest)) <= _LEAD_IN_WORDS or _SAYS_NOTHING.match(self.rest) is not None
        return is_short and not any(char.isdigit() for char in self.rest)

    @property
    def is_claim(self) -> bool:
        """Say whether it claims something that evidence could hold."""
        if self.quoted:
            return True
        opener = _INTERJECTION.match(self.text)
        text = self.text[opener.end() if opener else 0 :].strip()
        if text.endswith(("?", ":")):
            return False
        if len(_WORD.findall(text)) < FEWEST_CLAIMED:
            return bool(self.cited and text)
        return not (_SAYS_NOTHING.match(text) or _DECLINES.match(text))


def read_sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a text that no more comes to."""
    start = 0
    for end in (*sentence_ends(text), len(text)):
        piece = text[start:end]
        stripped = piece.strip()
        if any(char.isalnum() for char in stripped):
            yield read_sentence(stripped, start=start + len(piece) - len(piece.lstrip()))
        start = end


def sentence_ends(text: str) -> list[int]:
    """Return where sentences end that nothing to come can change, space behind them included."""
    ends: list[int] = []
    start = 0
    for match in _END.finditer(text):
        if "\n" in match.group() or _ends(text, start, match):
            ends.append(match.end())
            start = match.end()
    return ends


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Say whether a sentence ends where stop and space were found: not in a quotation, an abbreviation, a citation."""
    after = text[match.end() : match.end() + 6]
    if not after or after[0].islower() or _CITATION_BEGINS.match(after) or _CITATION.match(after):
        return False
    so_far = text[start : match.end()]
    return so_far.count("“") <= so_far.count("”") and not _ABBREVIATED.search(so_far)


def read_sentence(text: str, *, start: int = 0) -> Sentence:
    """Read one sentence; `start` is where it stands."""
    cited = tuple(dict.fromkeys(int(match[1]) for match in _CITATION.finditer(text)))
    plain = " ".join(_MARKUP.sub("", _CITATION.sub("", text)).split())
    quoted = tuple(q for q in _QUOTED.findall(plain) if len(_WORD.findall(q)) >= FEWEST_QUOTED)
    rest = plain
    for each in quoted:
        rest = rest.replace(each, " ", 1)
    return Sentence(start, start + len(text), plain, cited, quoted, rest)


def is_verbatim(quotation: str, passages: Sequence[str]) -> bool:
    """Say whether a passage holds a quotation, whatever its spaces and the stop or comma at its end."""
    wanted = " ".join(quotation.split()).rstrip(".,;")
    return any(wanted in " ".join(passage.split()) for passage in passages)
