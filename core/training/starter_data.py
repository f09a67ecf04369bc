"""Makes the conversations that the starter model learns from: the n-th is decided by the seed and n alone.

Every prompt is what `core.rag.prompt.render_prompt` writes, every answer is an own phrase or a verbatim quotation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from core.rag.prompt import STYLES, render_prompt
from core.schema import Evidence, Message
from core.training import starter_phrases as phrases
from core.training.starter_evidence import cut_passage, draw_passages, number_evidence, plant_instruction
from core.training.starter_policies import Sheet, build_policy, build_table
from core.training.starter_sources import Passage, Question, Sources

KINDS = {  # kind: share of the conversations at first, while copying is learnt
    "question": 0.31,
    "keyword": 0.11,
    "policy": 0.16,
    "table": 0.08,
    "irrelevant": 0.08,
    "no_evidence": 0.07,
    "small_talk": 0.09,
    "refusal": 0.10,
}
LATER_KINDS = {  # after that, more of those that are short and need no copying
    "question": 0.12,
    "keyword": 0.04,
    "policy": 0.09,
    "table": 0.04,
    "irrelevant": 0.05,
    "no_evidence": 0.14,
    "small_talk": 0.30,
    "refusal": 0.22,
}
_QUOTABLE = range(15, 320)
_STOP = frozenset(
    [
        "about",
        "after",
        "also",
        "been",
        "before",
        "being",
        "between",
        "could",
        "during",
        "from",
        "have",
        "into",
        "more",
        "most",
        "other",
        "over",
        "such",
    ]
)
_KEYWORD_ASKED = (
    "What does {title} say about {a}?",
    "Tell me about {a}.",
    "{a}?",
    "What is said about {a} and {b}?",
    "Where can I read about {a}?",
    "How does {a} relate to {b}?",
    "what do we know about {a} {b}",
    "Is there anything on {a}?",
    "I need information about {a}, {b}",
)
_NAMES = [
    "Ada",
    "Atlas",
    "Beacon",
    "Clio",
    "Desk Help",
    "Guide",
    "Harbour",
    "Iris",
    "Juno",
    "Kestrel",
    "Ledger",
    "Mentor",
    "Nova",
    "Orion",
    "Pilot",
    "Quill",
    "Sage",
]
_PURPOSES = (
    "Answers questions about {topic}.",
    "You help {who} with {topic}.",
    "Helps {who} to understand {topic}.",
    "Answers questions that {who} ask about {topic}, and nothing else.",
    "Explains {topic} to {who}. It gives no advice of its own.",
    "Shows {who} where {topic} is described.",
    "Finds facts about {topic} for {who}.",
)
_TITLES = ["Assistant", "Guide", "Support", "Desk", "Demo", "Helper", "Agent", "Advisor", "Companion", "Bot"]
_BEFORE = ("", "", "so, ", "ok, ", "well, ", "and ", "great, ", "sorry, ", "dear agent, ", "no, ")
_AFTER = ("", "", "?", "!", " then", " today", " please", " everyone", " now", ", dear agent", " for now", " sir")
_WHO = [
    "employees",
    "patients",
    "customers",
    "new staff",
    "students",
    "engineers",
    "managers",
    "nurses",
    "visitors",
    "the sales team",
]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt and the answer that it should get.

    Attributes:
        kind: A key of KINDS; small talk and refusals say which after a colon.
        gold: The number and the sentence of each quotation in the answer.
    """

    kind: str
    messages: tuple[Message, ...]
    answer: str
    evidence: tuple[Evidence, ...] = ()
    gold: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Scene:
    """Who the agent is in one conversation, and the dice that decide the rest."""

    random: Random
    sources: Sources
    name: str
    purpose: str
    style: str

    def says(self, kind: str, question: str, answer: str, passages: Sequence[Passage] = ()) -> Conversation:
        """Return a conversation whose answer quotes nothing."""
        evidence = number_evidence(passages)
        return Conversation(kind, self.prompt([Message("user", question)], evidence), answer, evidence)

    def prompt(self, turns: Sequence[Message], evidence: Sequence[Evidence]) -> tuple[Message, ...]:
        """Return the prompt, sometimes after earlier small talk."""
        earlier = _earlier(self) if len(turns) == 1 and self.random.random() < 0.15 else []
        return render_prompt(
            [*earlier, *turns], name=self.name, purpose=self.purpose, style=self.style, evidence=evidence
        )


def build_conversation(
    sources: Sources, *, seed: int, index: int, kind: str | None = None, shares: Mapping[str, float] = KINDS
) -> Conversation:
    """Make the conversation with this index.

    Args:
        sources: What it is made of.
        seed: Decides, together with the index, everything that is drawn.
        index: From 0.
        kind: A key of KINDS; drawn when not given.
        shares: How often each kind is drawn.
    """
    random = Random(f"{seed}/{index}")  # noqa: S311 - training data, not secrets
    kind = kind or random.choices(list(shares), list(shares.values()))[0]
    topic = random.choice(sources.passages)
    name = random.choice(_NAMES) if random.random() < 0.3 else " ".join(topic.document.split()[:2])
    name = f"{name} {random.choice(_TITLES)}" if random.random() < 0.5 else name
    subject = topic.place.lower() if random.random() < 0.5 else topic.document
    purpose = random.choice(_PURPOSES).format(topic=subject, who=random.choice(_WHO))
    scene = _Scene(random, sources, name, purpose, random.choice(list(STYLES)))
    return _MAKERS[kind](scene)


def _question(scene: _Scene) -> Conversation:
    asked = scene.random.choice(scene.sources.questions)
    return _quoted(scene, "question", [asked], asked.text)


def _keyword(scene: _Scene) -> Conversation:
    for _ in range(20):
        passage = scene.random.choice(scene.sources.passages)
        gold = scene.random.randrange(len(passage.sentences))
        words = _keywords(passage.sentences[gold])
        if len(words) >= 2 and _is_quotable(passage.sentences[gold]):
            a, b = scene.random.sample(words, 2)
            text = scene.random.choice(_KEYWORD_ASKED).format(title=passage.document, a=a, b=b)
            return _quoted(scene, "keyword", [Question(text, passage, gold)], text)
    return _question(scene)


def _policy(scene: _Scene) -> Conversation:
    return _from_sheet(scene, "policy", build_policy(scene.random, rules=scene.random.randint(2, 6)))


def _table(scene: _Scene) -> Conversation:
    return _from_sheet(scene, "table", build_table(scene.random, rows=scene.random.randint(2, 10)))


def _from_sheet(scene: _Scene, kind: str, sheet: Sheet) -> Conversation:
    first, second = scene.random.sample(range(len(sheet.questions)), 2)
    one, two = sheet.questions[first], sheet.questions[second]
    dice = scene.random.random()
    if dice < 0.25:
        both = f"{one.text.rstrip('.?')} and {two.text[0].lower()}{two.text[1:]}"
        return _quoted(scene, kind, [one, two], both)
    if dice < 0.45:
        earlier = [Message("user", one.text), Message("assistant", _answer(scene, one.text, [(1, _gold(one))]))]
        return _quoted(scene, kind, [two], sheet.follow_ups[second], earlier=earlier)
    return _quoted(scene, kind, [one], one.text)


def _irrelevant(scene: _Scene) -> Conversation:
    dice = scene.random.random()
    if dice < 0.5:
        asked = scene.random.choice(scene.sources.questions).text
        passages = _others(scene, scene.random.randint(1, 4))
    elif dice < 0.7:
        asked = scene.random.choice(scene.sources.requests)
        passages = _others(scene, scene.random.randint(1, 4))
    else:
        build = scene.random.choice((build_policy, build_policy, _build_rows))
        sheet = build(scene.random, rules=6)
        left = scene.random.randrange(6)
        asked, kept = sheet.questions[left].text, [s for i, s in enumerate(sheet.passage.sentences) if i != left]
        whole = Passage(sheet.passage.document, sheet.passage.place, tuple(kept), sheet.passage.joiner)
        passages = [whole, *_others(scene, scene.random.randint(0, 2))]
    return scene.says("irrelevant", asked, phrases.ABSTAIN, passages)


def _build_rows(random: Random, *, rules: int) -> Sheet:
    return build_table(random, rows=rules)


def _no_evidence(scene: _Scene) -> Conversation:
    random, sources = scene.random, scene.sources
    asked = random.choice(
        (random.choice(sources.questions).text, random.choice(sources.requests), _policy_question(random))
    )
    return scene.says("no_evidence", asked, phrases.ABSTAIN)


def _policy_question(random: Random) -> str:
    return random.choice(build_policy(random, rules=2).questions).text


def _small_talk(scene: _Scene) -> Conversation:
    talk = scene.random.choice(phrases.SMALL_TALK)
    asked = _scribble(scene.random, scene.random.choice(talk.asked).format(name=scene.name))
    passages = _others(scene, 2) if scene.random.random() < 0.1 else []
    return scene.says(f"small_talk:{talk.kind}", asked, _small_answer(scene, talk), passages)


def _small_answer(scene: _Scene, talk: phrases.SmallTalk) -> str:
    return talk.brief if scene.style == "brief" else talk.answer


def _refusal(scene: _Scene) -> Conversation:
    random, sources = scene.random, scene.sources
    harm = random.choice(sources.harmful)
    person = f"{random.choice(('Mr', 'Ms', 'Dr'))} {random.choice(random.choice(sources.passages).document.split())}"
    made_up = random.choice(phrases.PRIVATE).format(person=person)
    override = random.choice(phrases.OVERRIDES).format(name=scene.name, request=harm[0].lower() + harm[1:])
    kind, asked, answer = random.choices(
        (
            ("harm", harm, phrases.REFUSE_HARM),
            ("private", random.choice((made_up, random.choice(sources.private))), phrases.REFUSE_PRIVATE),
            ("override", override, phrases.REFUSE_OVERRIDE),
            ("crisis", random.choice(sources.crises), phrases.CRISIS),
        ),
        (0.55, 0.2, 0.15, 0.1),
    )[0]
    passages = _others(scene, random.randint(1, 3)) if random.random() < 0.4 else []
    return scene.says(f"refusal:{kind}", asked, answer, passages)


def _quoted(
    scene: _Scene, kind: str, golds: Sequence[Question], asked: str, *, earlier: Sequence[Message] = ()
) -> Conversation:
    if not all(_is_quotable(_gold(g)) for g in golds):
        return _policy(scene)
    cut = cut_passage(scene.random, golds)
    alone = scene.random.random() < 0.22
    others = [] if alone else _others(scene, scene.random.choice((1, 1, 2, 2, 3, 4)), near=golds[0])
    passages = [cut, *others]
    scene.random.shuffle(passages)
    if scene.random.random() < 0.12:
        passages = plant_instruction(scene.random, scene.sources, passages=passages)
    evidence = number_evidence(passages)
    gold = tuple((_number_of(evidence, _gold(g)), _gold(g)) for g in golds)
    prompt = scene.prompt([*earlier, Message("user", asked)], evidence)
    return Conversation(kind, prompt, _answer(scene, asked, gold), evidence, gold)


def _others(scene: _Scene, count: int, *, near: Question | None = None) -> list[Passage]:
    return draw_passages(scene.random, scene.sources, count=count, near=near)


def _answer(scene: _Scene, asked: str, gold: Sequence[tuple[int, str]]) -> str:
    quotes = (phrases.quote(sentence, number=number) for number, sentence in gold)
    return phrases.lead_in(asked, style=scene.style) + phrases.join(scene.style).join(quotes)


def _gold(question: Question) -> str:
    return question.passage.sentences[question.gold]


def _number_of(evidence: Sequence[Evidence], sentence: str) -> int:
    return next(e.number for e in evidence if sentence in e.sentences)


def _is_quotable(sentence: str) -> bool:
    return len(sentence) in _QUOTABLE and "“" not in sentence and "”" not in sentence


def _earlier(scene: _Scene) -> list[Message]:
    """Return an earlier turn: small talk, or a question that got no answer."""
    if scene.random.random() < 0.3:
        asked = scene.random.choice(scene.sources.questions).text
        return [Message("user", asked), Message("assistant", phrases.ABSTAIN)]
    talk = scene.random.choice(phrases.SMALL_TALK)
    asked = scene.random.choice(talk.asked).format(name=scene.name)
    return [Message("user", asked), Message("assistant", _small_answer(scene, talk))]


def _keywords(sentence: str) -> list[str]:
    words = (word.strip(".,;:()'\"?!") for word in sentence.split())
    return [w for w in words if len(w) > 3 and w.lower() not in _STOP and w.isalpha()]


def _scribble(random: Random, text: str) -> str:
    """Return the text as people also type it: with fillers, in other case, without a mark at the end."""
    dice = random.random()
    if dice > 0.6:
        text = random.choice(_BEFORE) + text.rstrip("?.!") + random.choice(_AFTER)
    if dice < 0.2:
        return text[0].upper() + text[1:]
    if dice < 0.3:
        return text.upper() if len(text) < 12 else text.rstrip("?.!")
    return text + random.choice(("", "", "!", " :)")) if dice < 0.5 and text[-1].isalpha() else text


_MAKERS = {
    "question": _question,
    "keyword": _keyword,
    "policy": _policy,
    "table": _table,
    "irrelevant": _irrelevant,
    "no_evidence": _no_evidence,
    "small_talk": _small_talk,
    "refusal": _refusal,
}
