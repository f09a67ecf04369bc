"""Sets the evidence of an adapter's examples as retrieval does: several passages, most about what was asked.

What speaks of the question is told by shared words alone; whether it answers, nobody judges here.
"""

import re
from dataclasses import replace
from random import Random

from core.rag.prompt import render_prompt
from core.schema import Evidence, Message
from core.training.starter_data import Conversation
from core.training.starter_evidence import number_evidence
from core.training.starter_sources import Passage, Sources

MAX_QUOTED = 120  # characters; in longer quotations the loss would be of copying, which the decoder does
_PASSAGES = 4  # of a prompt, as many as the product retrieves
_SENTENCES = 6  # of an added passage, about as many as a chunk holds
_LEAST_QUOTED = 15  # characters
_NEAR = 0.5  # share of the best sentence's words of the question that make another one speak of the same
_STEM = 5  # letters
_WORD = re.compile(r"[^\W_]{3,}")
_COMMON = re.compile(
    r"the|and|for|are|was|were|has|have|had|does|did|what|when|where|who|whom|which|how|much|many|long|can|could|may|"
    r"must|with|from|this|that|any|you|your|our|there|about|not|its|into|per|tell|information|anything|says?"
)


def crowd(turn: Conversation, sources: Sources, *, random: Random) -> Conversation:
    """Return a conversation with further passages of the same document in its evidence, in any order."""
    own = [_passage(item) for item in turn.evidence]
    known, asked = {p.sentences for p in own}, {turn.evidence[number - 1].document for number, _ in turn.gold}
    kin = [p for title in sorted(asked) for p in sources.documents.get(title, ()) if p.sentences not in known]
    added = random.sample(kin, min(len(kin), max(_PASSAGES - len(own), 0)))
    passages = [*own, *(_stretch(passage, random) for passage in added)]
    random.shuffle(passages)
    evidence = number_evidence(passages)
    gold = tuple((_number_of(sentence, evidence), sentence) for _, sentence in turn.gold)
    asking = Message("user", question_of(turn))
    prompt = render_prompt([asking], name="", purpose="", style="balanced", evidence=evidence)
    return replace(turn, messages=(*turn.messages[:-1], prompt[-1]), evidence=evidence, gold=gold)


def answer_nearest(turn: Conversation) -> Conversation:
    """Return a conversation whose evidence does not answer, answered all the same with what comes nearest.

    With evidence the engine makes the model quote, so that an adapter must not have it say that it found nothing.
    """
    words = _words(question_of(turn))
    found = [(len(words & _words(s)), number, s) for number, s in _quotable(turn)]
    if not found:
        return turn
    _, number, sentence = max(found, key=lambda each: (each[0], -each[1]))
    return replace(turn, gold=((number, sentence),))


def related(turn: Conversation) -> list[tuple[int, str]]:
    """Return what else in the evidence speaks of what was asked, best first: number and sentence."""
    words, golds = _words(question_of(turn)), {sentence for _, sentence in turn.gold}
    least = _NEAR * max((len(words & _words(sentence)) for sentence in golds), default=0)
    found = {s: (len(words & _words(s)), number) for number, s in _sentences(turn) if s not in golds}
    near = [(shared, number, s) for s, (shared, number) in found.items() if shared and shared >= least]
    return [(number, s) for _, number, s in sorted(near, key=lambda each: (-each[0], each[1]))]


def question_of(turn: Conversation) -> str:
    """Return what the user asked, without the evidence."""
    return turn.messages[-1].content.split("\n\nEvidence:\n", 1)[0]


def is_quotable(sentence: str) -> bool:
    """Say whether a sentence is short and plain enough to be taught as a quotation."""
    return _LEAST_QUOTED <= len(sentence) <= MAX_QUOTED and "“" not in sentence and "”" not in sentence


def _passage(item: Evidence) -> Passage:
    sentences = item.sentences
    joiner = item.text[len(sentences[0]) :].partition(sentences[1])[0] if len(sentences) > 1 else " "
    return Passage(item.document, item.place, sentences, joiner)


def _stretch(passage: Passage, random: Random) -> Passage:
    start = random.randrange(max(len(passage.sentences) - _SENTENCES, 0) + 1)
    return replace(passage, sentences=passage.sentences[start : start + _SENTENCES])


def _number_of(sentence: str, evidence: tuple[Evidence, ...]) -> int:
    return next(item.number for item in evidence if sentence in item.sentences)


def _sentences(turn: Conversation) -> list[tuple[int, str]]:
    return [(item.number, sentence) for item in turn.evidence for sentence in item.sentences]


def _quotable(turn: Conversation) -> list[tuple[int, str]]:
    return [(number, sentence) for number, sentence in _sentences(turn) if is_quotable(sentence)]


def _words(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.lower()) if not _COMMON.fullmatch(word)}
