"""Lays a question and a passage out as the reader's tokens: where each sentence ends, a mark collects its score. Pure.

    [CLS] question [SEP] heading [SEP] sentence [SEP] sentence [SEP] ...

The score of a sentence is read at the mark behind it, so every sentence is judged in its passage, in one pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

MAX_TOKENS = 384
MAX_QUESTION = 64
MAX_HEADING = 32
MAX_SENTENCE = 200
CLS, SEP, PAD = 101, 102, 0


@dataclass(frozen=True, slots=True)
class Packed:
    """One row for the encoder.

    Attributes:
        ids: Token ids.
        question_length: How many of them, from the first, are the question's.
        marks: Place of the mark of each sentence, in order.
    """

    ids: tuple[int, ...]
    question_length: int
    marks: tuple[int, ...]


def pack_passage(question: Sequence[int], heading: Sequence[int], sentences: Sequence[Sequence[int]]) -> list[Packed]:
    """Return rows that together hold every sentence once, in order; one row unless the passage is long."""
    asked = [CLS, *question[:MAX_QUESTION], SEP]
    head = [*asked, *heading[:MAX_HEADING], SEP]
    rows: list[Packed] = []
    ids, marks = list(head), list[int]()
    for sentence in sentences:
        cut = sentence[:MAX_SENTENCE]
        if marks and len(ids) + len(cut) + 1 > MAX_TOKENS:
            rows.append(Packed(tuple(ids), len(asked), tuple(marks)))
            ids, marks = list(head), []
        ids += [*cut, SEP]
        marks.append(len(ids) - 1)
    return [*rows, Packed(tuple(ids), len(asked), tuple(marks))] if marks else rows


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each text, without special ones."""
    read = [encodable(text) for text in texts]
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(read, add_special_tokens=False)]


def encodable(text: str) -> str:
    """Return a text with "?" for each half of a character, which no tokenizer takes; as long as before."""
    return text.encode("utf-8", "replace").decode()


def load_tokenizer(text: str) -> Tokenizer:
    """Return the tokenizer that a tokenizer.json describes, without its own limits."""
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
