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
_SAYS_NOTHING = re.compile(
    r"(?:hi|hello|hey|greetings|welcome|good (?:morning|afternoon|evening|day)|thanks?|thank you|you['’]re welcome|sure"
    r"|of course|certainly|absolutely|okay|ok|yes|no|great question|good question|i hope|hope (?:this|that)|let me know"
    r"|feel free|please (?:let|ask|feel|check|contact me)|is there anything|if you (?:have|need|want|would like)"
    r"|happy to|glad to|my pleasure|take care|goodbye|bye|i['’]m here|i am here|i['’]m glad|i(?:['’]d| would) be happy"
    r"|i can (?:help|also|tell|look)|i(?:['’]ll| will) (?:help|look|try|do|quote|answer|summari[sz]e|list)"
    r"|here(?:['’]s| is| are)|below (?:is|are)|to (?:answer|summari[sz]e) your)\b",
    re.I,
)
_DECLINES = re.compile(
    r"\b(?:(?:i|we) (?:can ?not|can['’]t|could ?n['’]t|could not|do(?:es)? not|don['’]t|did not|didn['’]t|am unable|"
    r"was unable|am not able|was not able|have no|found no|see no|['’]m not able)"
    r"|(?:i['’]m|i am|we['’]re) (?:sorry|afraid|unable|not (?:sure|able))|sorry|unfortunately"
    r"|(?:the |these |your )?(?:provided |given |attached |available )?(?:documents?|passages?|evidence|sources?|text|"
    r"datasets?|context|information|excerpts?)(?: (?:provided|given|above|here))? (?:do(?:es)?|did) ?(?:not|n['’]t)"
    r"(?: \w+)? (?:say|mention|state|contain|include|provide|specify|answer|cover|give|describe|address|tell|hold)"
    r"|(?:there is|there['’]s) no (?:mention|information|answer|evidence|passage|detail)"
    r"|(?:is|are|was|were) not (?:mentioned|stated|specified|covered|given|provided|found)(?: \w+)? in the "
    r"(?:provided |given |attached )?(?:documents?|passages?|evidence|sources?|text|datasets?|context)"
    r"|nothing in the (?:documents?|passages?|evidence|sources?|datasets?))",
    re.I,
)
_LEAD_IN_WORDS = 14
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
        return len(_WORD.findall(self.rest)) <= _LEAD_IN_WORDS and not any(char.isdigit() for char in self.rest)

    @property
    def is_claim(self) -> bool:
        """Say whether it claims something that evidence could hold."""
        text = self.text.strip()
        if self.quoted:
            return True
        if len(_WORD.findall(text)) < 3 or text.endswith(("?", ":")):
            return bool(self.cited) and any(char.isalnum() for char in text) and not text.endswith(("?", ":"))
        return not (_SAYS_NOTHING.match(text) or _DECLINES.search(text))


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
