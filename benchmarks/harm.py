"""What the rails for harm, hate and private data refuse and raise falsely, and what all rails add to a turn.

Run it as `python -m benchmarks.harm`. Public sets are taken from the folder that EVALDATA names; without it only the
project's own are. No set here trained the model. Nothing was mended after a look at the rows called `own, later` and
`own, fourth`, which were written last; two patterns were mended after a look at
`own, fresh`, and more after one at `own, older`.
"""

import csv
import gzip
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe_machine
from core.config import Settings
from core.encoder.guard_reader import GuardReader
from core.schema import Message
from governance.governance_engine import GovernanceEngine
from governance.rails import NamingRail
from governance.rails.guard import GuardRail
from governance.rails.harm import build_harm_rail
from governance.rails.hate import build_hate_rail
from governance.rails.private_data import PrivateDataRail
from governance.schema import Actor, AgentView
from governance.scorecard import wilson
from governance.wiring import DATA, build_governance

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGENT = AgentView("a", "u", "Helper", "help", "starter", None, "standard", "balanced", (), NOW, NOW)
ACTOR = Actor("u", "Ann", "member")
REFUSES = 0.9
PROSE = (
    "Refunds are paid within ten working days once the receipts have arrived. The finance team checks each claim "
    "against the travel rules, writes to the traveller when something is missing, and closes the case after "
    "the payment. "
)
RULES = "Quote word for word, name the source of each sentence, and keep to the language of the question. "
MOST = 1500  # texts of a set
Sets = Iterator[tuple[str, str, list[str]]]


def main() -> None:
    """Print all tables."""
    engine = build_governance(Settings())
    sys.stdout.write(describe_machine() + "\n\n")
    folder = Path(os.environ.get("EVALDATA", "evaldata"))
    sets = [*own_sets(), *(public_sets(folder) if (folder / "safety").is_dir() else ())]
    rails: list[NamingRail] = [
        build_harm_rail(),
        GuardRail(GuardReader(DATA / "models" / "guard")),
        build_hate_rail(),
        PrivateDataRail(),
    ]
    print_refused(sets, rails)
    print_added(engine)


def print_refused(sets: Sequence[tuple[str, str, list[str]]], rails: Sequence[NamingRail]) -> None:
    """Print for each set how many texts each rail refuses, and how many any does with its 95 % interval."""
    sys.stdout.write(
        f"{'set':50}{'n':>6}" + "".join(f"{rail.name:>14}" for rail in rails) + f"{'any':>7}{'rate':>8}{'95 %':>17}\n"
    )
    for kind, name, texts in sets:
        hits = [[refuses(rail, text) for rail in rails] for text in texts]
        any_of = sum(map(any, hits))
        low, high = wilson(any_of, len(texts))
        each = "".join(f"{sum(column):>14}" for column in zip(*hits, strict=True))
        sys.stdout.write(
            f"{kind + ': ' + name:50}{len(texts):>6}{each}{any_of:>7}{any_of / len(texts):>8.1%}"
            f"{f'{low:.1%} to {high:.1%}':>17}\n"
        )


def refuses(rail: NamingRail, text: str) -> bool:
    """Say whether a rail finds what the policy refuses; the guard's injections are another table's."""
    return any(f.score >= REFUSES and not (f.rail == "guard" and f.category == "injection") for f in rail.inspect(text))


def print_added(engine: GovernanceEngine, *, n: int = 40) -> None:
    """Print what all rails add to a turn: a question of 1 KB that is new, and an answer of 300 tokens.

    On a busy machine the wall time says how long others held the cores; the processor time is the rails' own.
    """
    times = []
    for number in range(n):
        began = time.perf_counter(), time.process_time()
        rules = "You are Helper. Answer from the passages alone, and say so when none of them answers. " + RULES
        prompt = [Message("system", rules), Message("user", f"{number} {(PROSE * 9)[:1024]}")]
        engine.check_input(prompt[1:], agent=AGENT, actor=ACTOR)
        asked = time.perf_counter(), time.process_time()
        gate = engine.open_gate(agent=AGENT, actor=ACTOR, prompt=prompt)
        answer = (PROSE * 9)[100:1300]
        for i in range(0, len(answer), 4):
            gate.push(answer[i : i + 4])
        gate.finish()
        done = time.perf_counter(), time.process_time()
        times.append([1000 * (b - a) for x, y in ((began, asked), (asked, done)) for a, b in zip(x, y, strict=True)])
    sys.stdout.write(f"\n{'added to a turn, ms':50}{'n':>6}{'p50':>9}{'p95':>9}\n")
    names = [
        f"{what}, {clock}" for what in ("question of 1 KB", "answer of 300 tokens") for clock in ("wall", "processor")
    ]
    for name, values in zip(names, zip(*times, strict=True), strict=True):
        p95 = statistics.quantiles(values, n=20)[18]
        sys.stdout.write(f"{name:50}{n:>6}{statistics.median(values):>9.1f}{p95:>9.1f}\n")


def own_sets() -> Sets:
    """Yield kind, name and texts of the sets that this project wrote."""
    fresh = list(lines(DATA / "training" / "guard_fresh_test.jsonl"))
    for category in dict.fromkeys(str(row["category"]) for row in fresh if row["kind"] == "harm"):
        yield "own, fresh harm", category, [str(row["text"]) for row in fresh if row.get("category") == category]
    yield "own, fresh harm", "all", [str(row["text"]) for row in fresh if row["kind"] == "harm"]
    yield "harmless", "own, fresh, only looks harmful", [str(row["text"]) for row in fresh if row["kind"] == "scary"]
    fourth = list(lines(DATA / "training" / "guard_fourth_test.jsonl"))
    yield "own, fourth harm", "all", [str(row["text"]) for row in fourth if row["kind"] == "harm"]
    yield "harmless", "own, fourth, only looks harmful", [str(row["text"]) for row in fourth if row["kind"] == "scary"]
    later = lines(DATA / "training" / "guard_later_test.jsonl")
    yield "harmless", "own, later, only looks harmful", [str(row["text"]) for row in later]
    older = list(lines(DATA / "training" / "guard_hard_test.jsonl"))
    yield "own, older harm", "all", [str(row["text"]) for row in older if row["kind"] == "harm"]
    yield "harmless", "own, older, only looks harmful", [str(row["text"]) for row in older if row["kind"] == "scary"]
    yield "harmless", "own, older, trigger words", [str(row["text"]) for row in older if row["kind"] == "trigger"]
    suite = list(lines(DATA / "suites" / "harmful.jsonl"))
    for category in dict.fromkeys(str(row["category"]) for row in suite):
        yield "suite harmful", category, [str(row["prompt"]) for row in suite if row["category"] == category]
    yield "suite harmful", "all", [str(row["prompt"]) for row in suite]
    yield (
        "harmless",
        "suite over-refusal",
        [str(row["prompt"]) for row in lines(DATA / "suites" / "over-refusal.jsonl") if "prompt" in row],
    )
    questions = [row for row in lines(DATA / "questions" / "starter.jsonl") if row["kind"] != "unsafe"]
    yield "harmless", "starter questions", [str(row["question"]) for row in questions]


def public_sets(folder: Path) -> Sets:
    """Yield the same of public sets that trained nothing here."""
    with (folder / "safety" / "harmbench_behaviors_text_val.csv").open(encoding="utf-8") as file:
        rows = [row["Behavior"] for row in csv.DictReader(file) if row["FunctionalCategory"] != "copyright"]
    yield "public harm", "HarmBench validation, no copyright", rows
    with (folder / "dialogue" / "polyai" / "banking_data" / "test.csv").open(encoding="utf-8") as file:
        yield "harmless", "BANKING77 test", drawn([row["text"] for row in csv.DictReader(file)])
    restaurant = json.loads((folder / "dialogue/polyai/span_extraction/restaurant8k/test.json").read_text())
    yield "harmless", "RESTAURANT-8K test", drawn([str(row["userInput"]["text"]) for row in restaurant])
    tasks = [
        str(row["instruction"]) for row in lines(folder / "dialogue/self_instruct/user_oriented_instructions.jsonl")
    ]
    yield "harmless", "Self-Instruct user tasks", tasks
    pages = gzip.decompress((folder / "text/18f_handbook.jsonl.gz").read_bytes()).decode().splitlines()
    paragraphs = [part for page in pages for part in str(json.loads(page)["text"]).split("\n") if len(part) > 80]
    yield "harmless", "workplace pages, paragraphs", drawn(paragraphs)


def drawn(texts: list[str]) -> list[str]:
    """Return the same `MOST` of many texts each time."""
    return random.Random(1).sample(texts, min(MOST, len(texts)))


def lines(path: Path) -> Iterator[dict[str, object]]:
    """Yield the objects of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, itertools.filterfalse(str.isspace, file))


if __name__ == "__main__":
    main()
