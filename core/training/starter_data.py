"""Makes the conversations that the starter model learns from: the n-th is decided by the seed and n alone.

Every prompt is what `core.rag.prompt.render_prompt` writes, every answer is an own phrase or a verbatim quotation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from core.rag.prompt import STYLES, render_prompt
from core.schema import Evidence, Message
from core.training import starter_casts as casts
from core.training import starter_phrases as phrases
from core.training.starter_evidence import cut_passage, draw_passages, number_evidence, plant_instruction
from core.training.starter_policies import Sheet, build_policy, build_table
from core.training.starter_sources import Passage, Question, Sources
from core.training.starter_words import Words, load_words, mistype, retype

KINDS = {  # kind: share of the conversations at first, while copying is learnt
    "question": 0.21,
    "keyword": 0.21,
    "policy": 0.17,
    "table": 0.08,
    "irrelevant": 0.12,
    "no_evidence": 0.05,
    "small_talk": 0.05,
    "refusal": 0.07,
    "lookalike": 0.04,
}
LATER_KINDS = {  # after that, more of those that are short and need no copying
    "question": 0.17,
    "keyword": 0.17,
    "policy": 0.13,
    "table": 0.07,
    "irrelevant": 0.14,
    "no_evidence": 0.06,
    "small_talk": 0.10,
    "refusal": 0.10,
    "lookalike": 0.06,
}
_PLANTED = 0.12  # of the conversations that quote hold an instruction that an attacker wrote into the evidence
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

    @property
    def words(self) -> Words:
        """Return the word lists of training, or those held out with the sources."""
        return load_words(held_out=self.sources.held_out)

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
    name = random.choice(casts.NAMES) if random.random() < 0.3 else " ".join(topic.document.split()[:2])
    name = f"{name} {random.choice(casts.TITLES)}" if random.random() < 0.5 else name
    subject = topic.place.lower() if random.random() < 0.5 else topic.document
    purpose = random.choice(casts.PURPOSES).format(topic=subject, who=random.choice(casts.WHO))
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
            text = scene.random.choice(casts.KEYWORD_ASKED).format(title=passage.document, a=a, b=b)
            return _quoted(scene, "keyword", [Question(text, passage, gold)], text)
    return _question(scene)


def _policy(scene: _Scene) -> Conversation:
    sheet = build_policy(scene.random, rules=scene.random.randint(2, 6), held_out=scene.sources.held_out)
    return _from_sheet(scene, "policy", sheet)


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
    count = scene.random.randint(1, 4)
    if dice < 0.5:
        question = scene.random.choice(scene.sources.questions)
        near = question if scene.random.random() < 0.3 else None
        asked, passages = question.text, _others(scene, count, near=near)
    elif dice < 0.7:
        asked, passages = scene.random.choice(scene.sources.requests), _others(scene, count)
    else:
        asked, passages = _left_out(scene)
    if scene.random.random() < _PLANTED:
        passages = plant_instruction(scene.random, scene.sources, passages=passages)
    return scene.says("irrelevant", asked, phrases.ABSTAIN, passages)


def _left_out(scene: _Scene) -> tuple[str, list[Passage]]:
    """Return a question about a sheet, and the sheet without the sentence that answers it."""
    if scene.random.choice((True, True, False)):
        sheet = build_policy(scene.random, rules=6, held_out=scene.sources.held_out)
    else:
        sheet = build_table(scene.random, rows=6)
    left = scene.random.randrange(len(sheet.questions))
    kept = [s for i, s in enumerate(sheet.passage.sentences) if i != left][: scene.random.randint(1, 5)]
    whole = Passage(sheet.passage.document, sheet.passage.place, tuple(kept), sheet.passage.joiner)
    passages = [whole, *_others(scene, scene.random.randint(0, 2))]
    scene.random.shuffle(passages)
    return sheet.questions[left].text, passages


def _no_evidence(scene: _Scene) -> Conversation:
    random, sources = scene.random, scene.sources
    asked = random.choice(
        (random.choice(sources.questions).text, random.choice(sources.requests), _policy_question(scene))
    )
    return scene.says("no_evidence", retype(random, asked), phrases.ABSTAIN)


def _policy_question(scene: _Scene) -> str:
    sheet = build_policy(scene.random, rules=2, held_out=scene.sources.held_out)
    return scene.random.choice(sheet.questions).text


def _lookalike(scene: _Scene) -> Conversation:
    """Return a harmless question that reads like one to refuse: quoted where evidence answers, else not found."""
    asked = scene.words.lookalike(scene.random)
    dice = scene.random.random()
    if dice < 0.4:
        return _quoted(scene, "lookalike", [_told(scene, asked)], asked)
    passages = _others(scene, scene.random.randint(1, 3)) if dice < 0.6 else []
    return scene.says("lookalike", retype(scene.random, asked), phrases.ABSTAIN, passages)


def _told(scene: _Scene, asked: str) -> Question:
    """Return the question with a made-up page that answers it among others."""
    random = scene.random
    how = casts.HOW.match(asked)
    slots = {"role": random.choice(casts.ROLES), "page": str(random.randint(2, 90))}
    if how is not None and random.random() < 0.8:
        act = re.sub(r"\b(?:my own|my|our)\b", "your", how[1])
        answer = random.choice(casts.STEPS).format(act=act, **slots)
    else:
        answer = random.choice(casts.TOLD).format(asked=asked.rstrip("?.!") + "?", **slots)
    page = build_policy(random, rules=random.randint(2, 5), held_out=scene.sources.held_out).passage
    at = random.randint(0, len(page.sentences))
    sentences = (*page.sentences[:at], answer, *page.sentences[at:])
    return Question(asked, Passage(page.document, page.place, sentences, page.joiner), at)


def _small_talk(scene: _Scene) -> Conversation:
    talk, asked = _draw_talk(scene)
    asked = _scribble(scene.random, asked)
    passages = _others(scene, scene.random.randint(1, 3)) if scene.random.random() < 0.15 else []
    return scene.says(f"small_talk:{talk.kind}", asked, _small_answer(scene, talk), passages)


def _draw_talk(scene: _Scene) -> tuple[phrases.SmallTalk, str]:
    talk = scene.random.choice(phrases.SMALL_TALK)
    return talk, scene.random.choice(scene.words.talk[talk.kind]).format(name=scene.name)


def _small_answer(scene: _Scene, talk: phrases.SmallTalk) -> str:
    return talk.brief if scene.style == "brief" else talk.answer


def _refusal(scene: _Scene) -> Conversation:
    random, sources, words = scene.random, scene.sources, scene.words
    harm = words.harmful(random) if random.random() < 0.4 else random.choice(sources.harmful)
    private = words.private(random) if random.random() < 0.75 else random.choice(sources.private)
    override = words.override(random, name=scene.name, request=harm[0].lower() + harm[1:])
    kind, asked, answer = random.choices(
        (
            ("harm", harm, phrases.REFUSE_HARM),
            ("private", private, phrases.REFUSE_PRIVATE),
            ("override", override, phrases.REFUSE_OVERRIDE),
            ("crisis", _crisis(scene), phrases.CRISIS),
        ),
        (0.42, 0.32, 0.16, 0.1),
    )[0]
    passages = _others(scene, random.randint(1, 4)) if random.random() < 0.4 else []
    return scene.says(f"refusal:{kind}", retype(random, asked), answer, passages)


def _crisis(scene: _Scene) -> str:
    if scene.sources.crises and scene.random.random() < 0.3:
        return scene.random.choice(scene.sources.crises)
    return scene.words.crisis(scene.random)


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
    if scene.random.random() < _PLANTED:
        passages = plant_instruction(scene.random, scene.sources, passages=passages)
    evidence = number_evidence(passages)
    gold = tuple((_number_of(evidence, _gold(g)), _gold(g)) for g in golds)
    prompt = scene.prompt([*earlier, Message("user", retype(scene.random, asked))], evidence)
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
    talk, asked = _draw_talk(scene)
    return [Message("user", asked), Message("assistant", _small_answer(scene, talk))]


def _keywords(sentence: str) -> list[str]:
    words = (word.strip(".,;:()'\"?!") for word in sentence.split())
    return [w for w in words if len(w) > 3 and w.lower() not in _STOP and w.isalpha()]


def _scribble(random: Random, text: str) -> str:
    """Return the text as people also type it: with fillers, in other case, without a mark at the end."""
    text = mistype(random, text) if random.random() < 0.15 else text
    dice = random.random()
    if dice > 0.75:
        text = random.choice(casts.BEFORE) + text.rstrip("?.!") + random.choice(casts.AFTER)
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
    "lookalike": _lookalike,
}
