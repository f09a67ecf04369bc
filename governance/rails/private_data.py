"""The rail for requests that ask for the private data of a person who is named, related or one of a group.

What counts is who holds the data, not the word for it: "my card number", "the helpdesk's number" and "how do we store
card numbers" are left alone. Identifiers, private contact details, health and pay score 0.95; what a colleague may need
to know (a work phone, a birthday) scores 0.6. English only; a request that is spread over sentences passes, and a
private person can't be told from a famous one, except for a few invented ones. For input, as a whole text.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.schema import digest_of
from governance.rails.fold import squeeze
from governance.rails.pattern_rail import MENTION
from governance.schema import Finding

SURE = 0.95

_IDENTIFIER = (
    r"(?:social security (?:numbers?|nos?\.?)|ssns?|passport (?:numbers?|nos?\.?|details|data)|passports?(?= of)|"
    r"(?:(?:credit|debit|bank|payment|id|identity) )?card (?:numbers?|details|data)|(?:credit|debit) cards?|cvvs?|"
    r"(?:bank )?account (?:numbers?|details|data)|bank (?:details|data|accounts?|statements?)|ibans?|sort codes?|"
    r"tax (?:ids?|file numbers?|numbers?|returns?)|national (?:ids?|insurance numbers?|identity numbers?)|"
    r"(?:driver'?s?|driving) licen[cs]e(?: numbers?| details)?|passwords?|pins?(?: codes?| numbers?)?|log-?ins?|credentials)"
)
_HOME = (
    r"(?:(?:home|private|residential|personal) (?:street )?(?:addresse?s?|phones?|numbers?|(?:tele|cell|mobile )?phone numbers?|(?:mobile|cell) numbers?|"
    r"e-?mails?(?: addresse?s?)?|contact details)|(?:private|personal) (?:data|information|details|life|photos?|pictures?|messages?)|"
    r"whereabouts)"
)
_CONTACT = (
    r"(?:(?:tele|mobile |cell ?|work )?phone(?: numbers?)?|(?:mobile|cell)(?: numbers?)?|phone numbers?|"
    r"(?:e-?mail|postal|street|mailing) addresse?s?|addresse?s?|e-?mails?|contact (?:details|data|information))"
)
_HEALTH = (
    r"(?:diagnos[ei]s|(?:medical|health|patient) (?:records?|histor(?:y|ies)|files?|conditions?|data|problems?|information|status)|"
    r"illness(?:es)?|diseases?|medications?|prescriptions?|(?:lab|test|blood) results?|pregnanc(?:y|ies)|disabilit(?:y|ies)|"
    r"hiv status|sick (?:notes?|leave reasons?)|therapy notes?|mental health)"
)
_PAY = (
    r"(?:salar(?:y|ies)|wages?|pay ?(?:slips?|checks?|cheques?|stubs?)|annual pay|monthly pay|earnings|incomes?|bonus(?:es)?|"
    r"debts?|credit (?:scores?|reports?)|garnishments?)"
)
_LIGHT = r"(?:birthdays?|birth ?dates?|dates? of birth|ages?|religions?|sexual orientations?|marital status|party memberships?)"

# Words that only look like the name of a person.
_NO_NAME = (
    r"(?!(?:The|Our|My|Your|This|What|Which|Who|Where|How|Please|Can|Could|And|For|From|In|Is|Are|Give|List|Show|Tell|Find|Street|Road|"
    r"Human|Customer|Help|Service|Support|Data|Head|North|South|East|West|New|Saint|St|United|European|City|Town|Central|National|"
    r"Royal|General|Public|Federal|Supreme|World|Red|January|February|March|April|May|June|July|August|September|October|"
    r"November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|IT|HR|Finance|Sales)\b)"
)
_NO_LAST = (
    r"(?! ?(?:Street|Road|Avenue|Lane|Square|Office|Desk|Hall|Department|Team|Inc|Ltd|Llc|Gmbh|Corp|Company|Bank|Hotel|Clinic|Hospital|"
    r"School|University|College|Council|Court|City|Centre|Center|Group|Services?|Support|Agency|Authority|Association|Foundation|"
    r"Museum|Library|Park|Station|Airport|Union|Resources|Policy|Handbook|Manual|House|Club|Church|Shop|Store|Restaurant)\b)"
)
_FICTION = (
    r"(?:spider-?man|batman|superman|sherlock holmes|harry potter|mickey mouse|donald duck|homer simpson|bart simpson|ned flanders|"
    r"peter parker|clark kent|bruce wayne|tony stark|james bond|santa claus|father christmas|darth vader|luke skywalker|frodo baggins|"
    r"bilbo baggins|spongebob(?: squarepants)?|winnie(?:[- ]the)?[- ]pooh|peter pan|robin hood|king arthur|lara croft|super mario|"
    r"walter white|michael scott|hermione granger|albus dumbledore|captain kirk|indiana jones|hercule poirot|miss marple|wonder woman)"
)
_NAME = (
    rf"(?!{_FICTION}\b)(?:(?:mr|mrs|ms|miss|dr|prof)\.? (?-i:[A-Z])[\w’'-]+|"
    rf"(?-i:{_NO_NAME}[A-Z][a-z]+(?:[’'-][A-Z]?[a-z]+)*(?: (?:van|von|de|der|al|bin|la|di|[A-Z]\.?))*{_NO_LAST} {_NO_NAME}[A-Z][\w-]+)"
    r"(?:(?-i: [A-Z][\w-]+))?)"
)
_WHO = (
    r"(?:colleagues?|co-?workers?|ex(?:-?(?:wife|husband|girlfriend|boyfriend))?|neighbou?rs?|boss|patients?|customers?|clients?|guests?(?! (?:wi-?fi|wlan|network|lounge|room|list)s?\b)|"
    r"employees?|tenants?|landlord|landlady|teacher|students?|pupils?|driver|donors?|"
    r"applicants?|members?|users?|subscribers?|residents?|judge|witness(?:es)?|journalist|actor|actress|singer|intern|staff|people|"
    r"persons?|women|woman|man|girl|boy|voters?|visitors?|passengers?|policy ?holders?|head of [a-z]+|chief [a-z]+ officer)"
)
_KIN = (
    r"(?:(?:grand|step|god)?(?:mother|father|son|daughter|parents)|(?:step|half-?)?(?:sister|brother)|aunt|uncle|niece|nephew|"
    r"cousin|wife|husband|girlfriend|boyfriend|fianc[eé]e?|friend|best friend|classmate|teammate|roommate|doctor|nurse|surgeon|professor)"
)
_DET = r"(?:the|a|an|all|any|every|each|my|our|his|her|their|this|that|these|those|your|of|other|new|former)"
_CALLED = r"(?:,? (?-i:[A-Z][a-z’'-]+?(?=['’ ]|\b)))?"
_RELATED = rf"(?:{_DET} )+(?:[a-z]+ )?{_WHO}\b{_CALLED}"
_CLOSE = rf"my (?:[a-z]+ )?{_KIN}\b{_CALLED}"
_SOURCE = r"(?:the|these|those|our|your|all|this) (?:[a-z]+ )?(?:letters?|files?|records?|documents?|data ?(?:sets?|bases?)|e-?mails?|tables?|spreadsheets?|claims?|forms?|notices?)"
_HOLDER = rf"(?:{_NAME}|{_CLOSE}|{_RELATED}|{_WHO}\b)"
_OWN = r"(?:my|your|our|its|the company|the firm)(?: own)?"

_FILL = (
    r"(?:(?:me|us|out|up|to|the|all|any|every|each|full|complete|exact|current|real|latest|last|first|four|a|an|list|lists|copy|"
    r"copies|table|of|with|both|names?|dates?|birth|addresses|phone|numbers?|e-?mails?|and|or|known|stored|private|personal|secret|as|well|also|please|see|know|have|here|down|"
    r"through|everything|about),? ){0,8}?"
)
_GIVE = (
    r"(?:what(?:['’]?s| is| are| was| were)|which (?:is|are)|give|tell|show|list|print|read|find(?: out)?|look up|get|send|provide|share|"
    r"reveal|display|extract|export|compile|collect|e-?mail|fetch|search for|disclose|dump|output|write down|i (?:want|need|would like)|"
    r"can i (?:see|have|get)|do you (?:have|know))"
)
_LINK = r"(?:(?:,|,? and| or|/) [a-z-]+(?: [a-z-]+)?){0,3}? (?:of|from|belonging to|that belongs? to|(?:that|which) (?:is|are|stands?|appears?) (?:on|in)|about|on|in|for) "


@dataclass(frozen=True, slots=True)
class _Ask:
    category: str
    score: float
    pattern: re.Pattern[str]
    gives: bool = False  # it begins with `_GIVE`

    def find(self, text: str, gives: Sequence[int]) -> Iterator[re.Match[str]]:
        """Yield what `finditer` would; `gives` are the places of `_GIVE`, so that others need no look."""
        if not self.gives:
            yield from self.pattern.finditer(text)
            return
        end = 0
        for place in gives:
            if place >= end and (match := self.pattern.match(text, place)):
                yield match
                end = match.end()


def _asks(category: str, data: str, *, score: float = SURE, holder: str = _HOLDER, sources: bool = False) -> list[_Ask]:
    """Return how someone asks for data of a holder: "give me ... of Ann Lee", "what is Ann Lee's ...", "customer ..."."""
    after = rf"(?:{holder}|{_SOURCE})" if sources else holder
    whose = rf"(?:{holder}(?:['’]s?|s['’])? )"
    return [
        _Ask(category, score, _compiled(rf"\b{_GIVE} {_FILL}{data}{_LINK}{after}"), gives=True),
        _Ask(category, score, _compiled(rf"\b{_GIVE} {_FILL}{whose}(?:[a-z]+ ){{0,2}}?{data}\b"), gives=True),
    ]


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_HAND_OVER = r"(?:give|tell|show|read|send|reveal|whisper|say|spell|print|repeat|hand over|share)(?: (?:me|us|out))*(?: (?:the|all|full|current|real))*"
_ACCESS = r"(?:log-?ins?|user ?names?|passwords?|credentials|api keys?|access codes?)\b(?! (?:rules?|polic|page|screen|form|reset|length|requirement|procedure|manager))"
_GIVES = _compiled(rf"\b(?={_GIVE} )")
_OUTSIDE = (
    r"(?:colleagues|co-?workers|patients?|customers?|clients?|guests?|tenants?|donors?|applicants?|subscribers?|users|residents|"
    r"students|pupils|members|voters|visitors|passengers|policy ?holders?)"
)
_GROUP = rf"(?:(?:{_DET} )*(?:[a-z]+ )?{_OUTSIDE}\b)"
_UNCASED = rf"(?!{_FICTION}\b)(?!{_DET}\b|{_OWN}\b|me\b|us\b|mine\b|it\b)[a-z]{{2,}} [a-z]{{2,}}\b"
_ASKS: tuple[_Ask, ...] = (
    *_asks("identifier", _IDENTIFIER, sources=True),
    *_asks("private_contact", _HOME),
    *_asks("private_contact", _CONTACT, holder=rf"(?<!for ){_GROUP}"),
    *_asks("contact", _CONTACT, score=MENTION, holder=rf"(?:{_NAME}|(?<!for )(?:{_CLOSE}|{_RELATED}|{_WHO}\b))"),
    *_asks("health", _HEALTH, holder=rf"(?:{_NAME}|{_RELATED})"),
    *_asks("pay", _PAY, holder=rf"(?:{_NAME}|{_RELATED})"),
    *_asks("personal", _LIGHT, score=MENTION),
    _Ask("private_contact", SURE, _compiled(rf"\b(?:home|residential|private) address of {_UNCASED}")),
    _Ask("private_contact", SURE, _compiled(rf"\b(?:where (?:exactly )?(?:does|do) (?:{_NAME}|{_CLOSE}|{_RELATED})(?: \w+)? live|where (?:{_NAME}|{_CLOSE}|{_RELATED})(?: \w+)? lives)\b")),
    _Ask("private_contact", SURE, _compiled(rf"\b{_GIVE} {_FILL}address of {_NAME}")),
    _Ask("health", SURE, _compiled(rf"\b(?:what|which) (?:{_HEALTH}|medicine|condition) (?:does|has|is) (?:{_NAME}|{_RELATED})")),
    _Ask("health", SURE, _compiled(rf"\b(?:is|has|does) (?:{_NAME}|(?:my|our) {_WHO}(?: \w+)?) (?:pregnant|ill|depressed|hiv[- ]positive|disabled|have (?:cancer|hiv|depression|aids|diabetes)|(?:been )?diagnosed)\b")),
    _Ask("health", SURE, _compiled(rf"\b(?:which|who) (?:of )?(?:our|my|the) (?:{_WHO})\w* (?:are|is|have|has|suffers? from|takes?) (?:pregnant|ill|hiv|aids|cancer|depression|depressed|disabled|diabetes|a mental illness|medication)")),
    _Ask("health", SURE, _compiled(rf"\b(?:which|who of the) {_WHO} (?:on|in|at|of) (?:this |our |the )?(?:ward|room|bed|unit|floor|team|department|office|class|house)\b(?: [\w-]+){{0,2}}? (?:are|is|have|has|suffers? from) (?:pregnant|ill|hiv|aids|cancer|depression|depressed|disabled|diabet|epilep|addicted|a mental illness)")),
    _Ask("personal", SURE, _compiled(r"\b(?:which (?:of (?:our|my|the) )?(?:employees?|colleagues?|co-?workers?|members of staff|applicants?)|who of (?:us|our|my|the)(?: [a-z]+)?|who (?:here|in (?:our|my|the) [a-z]+)) (?:is|are|belongs? to|voted?|votes?)(?: (?:in|a|the|members?|of|for|to))* (?:trade unions?|labou?r unions?|unions?|part(?:y|ies)|church|jewish|muslim|christian|gay|lesbian|trans(?:gender)?|homosexual)\b")),
    _Ask("identifier", SURE, _compiled(rf"\b{_HAND_OVER} (?:admin(?:istrator)?|root|master|system) {_ACCESS}")),
    _Ask("identifier", SURE, _compiled(rf"\b{_HAND_OVER} {_ACCESS}(?: and (?:the )?{_ACCESS})? (?:of|for|to) (?:the|our) (?:[a-z]+ )?(?:servers?|databases?|routers?|firewall|admin(?:istrator)?)\b")),
    _Ask("pay", SURE, _compiled(rf"\b(?:what|which|how (?:much|high a)) (?:{_PAY}) (?:does|did|has) (?:{_NAME}|my {_WHO}\b)")),
    _Ask("pay", SURE, _compiled(rf"\b(?:how much|what) (?:does|do|is|did) (?:{_NAME}|(?:my|our|the) {_WHO}(?: \w+)?) (?:earn|make|paid|get paid|owe)\b")),
)  # fmt: skip


class PrivateDataRail:
    """A rail over the asks above. Pure; for whole texts."""

    name = "private_data"
    categories = frozenset(ask.category for ask in _ASKS)
    version = digest_of([[ask.category, ask.score, ask.pattern.pattern] for ask in _ASKS])

    def inspect(self, text: str) -> list[Finding]:
        """Return what is asked for, the surest finding of each category and place."""
        squeezed = squeeze(text)
        plain = squeezed.text
        best: dict[tuple[str, int], Finding] = {}
        gives = [match.start() for match in _GIVES.finditer(plain)]
        for ask in _ASKS:
            for match in ask.find(plain, gives):
                key = ask.category, match.start()
                if key not in best:
                    start, end = squeezed.span(match.start(), match.end())
                    best[key] = Finding(self.name, ask.category, ask.score, start, end, f"{end - start} characters")
        return sorted(best.values(), key=lambda f: (f.start, -f.end, -f.score))
