"""The rail for hate: slurs, and statements that call a group less than human, wish it harm or deny it its rights.

A group's name alone is never enough: a statement joins a group and what is said of it. What is quoted, condemned, asked
about or reported scores 0.6. It knows English phrases, not meanings: hate in other words passes, and so do insults that
name no group. Slurs that a group uses of itself in a friendly way count as slurs.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re

from governance.rails.pattern_rail import WINDOW, Rule, rule
from governance.rails.word_rail import WordRail, words

_GROUPS = (
    r"(?:jews?|jewish people|muslims?|hindus?|sikhs?|christians?|catholics?|atheists?|blacks|black (?:people|men|women|kids)|whites|"
    r"white (?:people|men|women)|asians?|chinese people|africans?|arabs?|mexicans?|latinos?|latinas?|hispanics?|indians?|pakistanis?|"
    r"turks|poles|romanians?|somalis?|syrians?|nigerians?|russians?|ukrainians?|irish people|native americans?|aboriginals?|"
    r"roma(?: people)?|gypsies|travellers|immigrants?|migrants?|refugees?|foreigners?|asylum seekers?|gays?|gay (?:people|men)|lesbians?|"
    r"homosexuals?|bisexuals?|queers?|queer people|trans(?:gender)? (?:people|women|men|kids)|transsexuals?|women|girls|females|men|"
    r"disabled people|the disabled|autistic people|deaf people|blind people|old people|the elderly|fat people|poor people|"
    r"the homeless|homeless people|people of colou?r|minorities)"
)
_LESS = (
    r"(?:vermin|parasites?|cockroach(?:es)?|rats|lice|maggots|animals|beasts|apes|monkeys|savages?|scum|filth|trash|garbage|sub-?human(?:s)?|"
    r"(?:a )?(?:disease|plague|cancer|infestation|virus)|worthless|disgusting|degenerates?|perverts?|less than human|not human|not people|"
    r"inferior|an inferior race|genetically (?:stupid|inferior)|born criminals|criminals by nature|too stupid to|"
    r"mentally ill|abominations?|unnatural|evil by nature|mud people|a burden|less intelligent than)"
)
_VERY = r"(?:all |just |nothing but |simply |really |basically |mostly |like |no better than |worse than |nothing more than |all just |such |filthy |dirty |stupid ){0,2}"
_END = (
    r"(?:die|be (?:killed|shot|gassed|hanged|exterminated|eliminated|wiped out|eradicated|burned|deported|expelled|sterili[sz]ed|put down|locked up|"
    r"caged|enslaved|beaten|rounded up|removed from (?:our|this|the))|burn|suffer|hang|rot|not (?:exist|be allowed to (?:vote|work|marry|live|breed))|"
    r"have no rights|lose their rights|go back to)"
)
_MUST = r"(?:should|must|ought to|need to|have to|deserve to|has to|better)"
_KILL = r"(?:kill|gas|exterminate|shoot|lynch|hang|wipe out|eradicate|eliminate|deport|expel|get rid of|burn|round up|cleanse (?:\w+ ){0,2}of)"

# Spelt with classes, so that the list reads as patterns and not as words.
_SLURS = (
    r"n[i1]gg(?:er|a)s?", r"k[i1]kes?", r"f[a@]gg?[o0]ts?", r"f[a@]gs", r"sp[i1]cs?(?! and)", r"wetbacks?", r"ch[i1]nks?(?! in)", r"g[o0]{2}ks?",
    r"p[a@]k[i1]s", r"tr[a@]nn(?:y|ies)", r"sh[e3]-?males?", r"rag-?heads?", r"towel-?heads?", r"sand n\w{5}s?", r"c[o0]{2}ns(?! age)",
    r"dyk[e3]s(?! (?:and|of|in))", r"r[e3]t[a@]rds?", r"j[a@]ps", r"w[o0]gs?", r"porch monkeys?", r"jungle bunn(?:y|ies)", r"m[o0]ngol[o0]ids?", r"untermensch(?:en)?",
)  # fmt: skip
_SPEAKS_OF = re.compile(
    r"(?:\b(?:calls?|called|calling|said|says?|saying|claim(?:s|ed|ing)?|believ(?:e|es|ed|ing)|think(?:s|ing)?|told|wrote|shout(?:s|ed|ing)?|idea|myth|lie|lies|"
    r"propaganda|stereotype|slur|word|term|insult|phrase|slogan|compar(?:e|es|ed|ing)|portray\w*|describ\w+|label\w*|treat\w*|"
    r"why (?:is it|do|did|does|would)|whether|wrong|hateful|racist|hate speech|not|never|nobody|no one|against|condemn\w*|deny|denies|false(?:ly)?|if)\b"
    r"[^.!?\n]{0,60}|[\"“‘'«])$"
)


def build_hate_rail() -> WordRail:
    """Build the rail `hate`. A phrase starts with its group, its act or its slur, so that a stream seldom waits."""
    slurs = words(*_SLURS)
    call = r"\b(?:let'?s|we(?: all)? (?:should|must|need to|have to|will|ought to)|(?:someone|somebody|they|you) (?:should|must)|time to|i want to|i will|i'll|we'll|go and|please) (?:just |all |simply )?"
    dislike = r"\b(?:i hate|i despise|i loathe|i can'?t stand|no(?: more)?) (?:all |those |these |fucking |filthy |dirty ){0,2}"
    return WordRail(
        "hate",
        [
            _rule("slur", slurs),
            _rule("dehumanising", rf"\b(?P<span>{_GROUPS} (?:are|is|were) {_VERY}{_LESS})\b"),
            _rule("dehumanising", rf"\b(?P<span>{_GROUPS} (?:belong in (?:cages|camps|ovens|the kitchen)|ruin (?:our|this) \w|spread (?:disease|crime|filth)))"),
            _rule("dehumanising", rf"{dislike}(?P<span>{_GROUPS})\b(?=,? (?:they(?: are|'re)|here|allowed|in my|in our|in this|because they))"),
            _rule("threat", rf"\b(?P<span>{_GROUPS} {_MUST} (?:all |just |simply )?{_END})\b"),
            _rule("threat", rf"{call}(?P<span>{_KILL} (?:off |all |every |the |these |those |of |them ){{0,3}}{_GROUPS})\b"),
            _rule("threat", rf"\b(?P<span>death to (?:all |the )?{_GROUPS})\b"),
        ],
        opens="|".join((*_SLURS, _GROUPS, _KILL, "death")),
    )  # fmt: skip


def _rule(category: str, pattern: str) -> Rule:
    return rule(category, 0.95, pattern, end_of=_if_short, is_mention=_is_spoken_of)


def _if_short(match: re.Match[str]) -> int | None:
    """Return the end of a match that a stream can wait for."""
    return match.end("span") if match.end("span") - match.start("span") < WINDOW else None


def _is_spoken_of(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start("span") - 80) : match.start("span")]
    return _SPEAKS_OF.search(before) is not None
