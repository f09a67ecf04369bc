"""How much personal data is found, and how much of it masked, beside plain Presidio: `python -m benchmarks.pii`.

Findings and actions are two things. A finding (every one that a rail reports; each rail has one threshold, the same at
every level) says that something is there; the agent's level decides what is done. So each level has its row of what is
masked, beside what is found. Names and places are found at every level in what users write, and masked at `maximum`
alone: the last table says how many harmless requests a level touches.

A labelled value counts as found when a finding overlaps it; a finding is right when it overlaps any labelled value. No
clinical sentence was read to write a rule, and none trained anything; counts of each type were seen before the last
rules (ids of persons, any number that is called one, pages, births) were added. Of presidio-research's generated
sentences, addresses are measured on the templates that no pattern was made from (odd ids). All sets lie in the folder
that EVALDATA names; without it nothing is measured. Presidio runs with its default recognisers and a blank spaCy
pipeline, so without names.
"""

import csv
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from benchmarks.machine import describe_machine
from core.config import Settings
from core.schema import Message
from governance.governance_engine import GovernanceEngine
from governance.schema import LEVELS, Actor, AgentView, Finding, Level, Stage
from governance.scorecard import wilson
from governance.wiring import DATA, build_governance

RAILS = ("pii", "identity_numbers", "safe_harbour")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACTOR = Actor("u", "Ann", "member")
STRUCTURED = ("EMAIL", "PHONE", "ID", "BIRTHDATE", "URL")
NAMES = ("PERSON", "STAFF", "LOC")

Span = tuple[int, int, str]
Finder = Callable[[str], list[Span]]


@dataclass(slots=True)
class Tally:
    """What a finder did on a set."""

    found: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    given: int = 0
    right: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def f2(self) -> float:
        """Return F2, which counts recall more than precision."""
        precision, recall = self.right / max(1, self.given), self.found.total() / max(1, self.total.total())
        return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


def main() -> None:
    """Print all tables."""
    print(describe_machine())
    data = Path(os.environ.get("EVALDATA", "evaldata"))
    folder = data / "pii"
    if not folder.is_dir():
        print(f"personal data: not measured, {folder} is missing (set EVALDATA)")
        return
    clinical = load_clinical(folder)
    engine = build_governance(Settings())
    finders = {
        "question, found at every level": spans_of(lambda text: found(engine, text, level="standard")),
        "question, masked from standard": spans_of(lambda text: masked(engine, text, level="standard")),
        "question, masked at maximum": spans_of(lambda text: masked(engine, text, level="maximum")),
        "answer, masked from standard": spans_of(lambda text: masked(engine, text, level="standard", stage="output")),
        "Presidio, no model": presidio(),
    }
    for title, kinds in (("structured types", STRUCTURED), ("with names and places", (*STRUCTURED, *NAMES))):
        print(f"\nclinical sentences ({len(clinical)}), {title}: {', '.join(kinds)}")
        show({name: tally(finder, clinical, kinds) for name, finder in finders.items()})
    keys = ("start_position", "end_position", "entity_type")
    rows = [row for row in _load(folder / "generated_large.json") if row["template_id"] % 2]
    generated = [_row(row["full_text"], row["spans"], keys) for row in rows]
    print(f"\ngenerated sentences with odd template ids ({len(generated)}), addresses and their parts")
    names = ("question, masked from standard", "Presidio, no model")
    show({name: tally(finders[name], generated, ("ADDRESS",)) for name in names})
    show_touched(engine, data / "dialogue")


def load_clinical(folder: Path) -> list[tuple[str, list[Span]]]:
    """Return clinical sentences with their labels."""
    keys = ("start", "end", "label")
    return [_row(row["sentence"], row["spans"], keys) for row in _load(folder / "clinical.json")]


def found(engine: GovernanceEngine, text: str, *, level: Level) -> list[Finding]:
    """Return the personal data that is found in a question to an agent of a level."""
    verdict = engine.check_input([Message("user", text)], agent=_agent(level), actor=ACTOR)
    return [finding for finding in verdict.findings if finding.rail in RAILS]


def masked(engine: GovernanceEngine, text: str, *, level: Level, stage: Stage = "input") -> list[Finding]:
    """Return what of it the policy doesn't let pass."""
    agent = _agent(level)
    findings = (
        found(engine, text, level=level)
        if stage == "input"
        else [f for f in engine.audit_output(text, agent=agent, actor=ACTOR).findings if f.rail in RAILS]
    )
    actions = engine.policy.decide(findings, stage=stage, agent=agent, actor=ACTOR).actions
    return [finding for finding, action in zip(findings, actions, strict=True) if action != "allow"]


def show_touched(engine: GovernanceEngine, folder: Path) -> None:
    """Print how many harmless requests hold something that is found, masked or refused, at each level."""
    print(f"\n{'harmless requests':34}{'level':>10}{'n':>6}{'found':>7}{'masked':>8}{'95 %':>16}{'refused':>9}")
    for name, texts in _harmless(folder):
        for level in LEVELS:
            verdicts = [engine.check_input([Message("user", t)], agent=_agent(level), actor=ACTOR) for t in texts]
            holds = sum(any(f.rail in RAILS for f in each.findings) for each in verdicts)
            changed = sum(bool(masked(engine, text, level=level)) for text in texts)
            refused = sum(not each.decision.allowed for each in verdicts)
            low, high = wilson(changed, len(texts))
            interval = f"{low:.3f} to {high:.3f}"
            print(f"{name:34}{level:>10}{len(texts):>6}{holds:>7}{changed:>8}{interval:>16}{refused:>9}")


def _harmless(folder: Path) -> Iterator[tuple[str, list[str]]]:
    starter = [json.loads(line) for line in (DATA / "questions" / "starter.jsonl").read_text().splitlines()]
    yield "starter questions", [row["question"] for row in starter if row["kind"] != "unsafe"]
    tasks = (folder / "self_instruct" / "user_oriented_instructions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in tasks]
    yield (
        "Self-Instruct tasks with their text",
        [f"{row['instruction']}\n{row['instances'][0]['input']}".strip() for row in rows],
    )
    with (folder / "polyai" / "banking_data" / "test.csv").open(encoding="utf-8") as file:
        yield "BANKING77 test, every 4th", [row["text"] for row in csv.DictReader(file)][::4]
    spoken = _load(folder / "polyai" / "span_extraction" / "restaurant8k" / "test.json")
    yield "RESTAURANT-8K test, every 4th", [row["userInput"]["text"] for row in spoken][::4]
    folds = sorted((folder / "polyai" / "nlupp" / "data").glob("*/fold*.json"))
    yield "NLU++, every 4th", [row["text"] for fold in folds for row in _load(fold)][::4]


def _agent(level: Level) -> AgentView:
    return AgentView("a", "u", "Helper", "help", "starter", None, level, "balanced", (), NOW, NOW)


def tally(finder: Finder, rows: Sequence[tuple[str, list[Span]]], kinds: Iterable[str]) -> Tally:
    """Count what a finder finds of some kinds of values, and what it finds that nobody labelled."""
    result, wanted = Tally(), set(kinds)
    for text, labels in rows:
        spans = finder(text)
        for label in labels:
            if label[2] in wanted:
                result.total[label[2]] += 1
                result.found[label[2]] += any(_meet(span, label) for span in spans)
        for span in spans:
            is_right = any(_meet(span, label) for label in labels)
            result.given += 1
            result.right += is_right
            result.wrong[span[2]] += not is_right
    return result


def show(tallies: dict[str, Tally]) -> None:
    """Print precision, recall and F2 of each, its recall per type, and what it raised falsely."""
    print(f"{'':34}{'n':>6}{'found':>7}{'recall':>8}{'95 %':>16}{'findings':>10}{'precision':>11}{'95 %':>16}{'F2':>7}")
    for name, each in tallies.items():
        n, found = each.total.total(), each.found.total()
        print(f"{name:34}{n:>6}{found:>7}{_rate(found, n)}{each.given:>10}   {_rate(each.right, each.given)}", end="")
        print(f"{each.f2:>7.3f}")
        print(
            "   found by type: "
            + ", ".join(f"{kind} {each.found[kind]}/{each.total[kind]}" for kind in sorted(each.total))
        )
        print(
            "   false alarms: "
            + (", ".join(f"{kind} {count}" for kind, count in each.wrong.most_common(8) if count) or "none")
        )


def _rate(hits: int, n: int) -> str:
    if not n:
        return f"{'none':>8}{'':>16}"
    low, high = wilson(hits, n)
    return f"{hits / n:>8.3f}{f'{low:.3f} to {high:.3f}':>16}"


def _meet(span: Span, other: Span) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _load(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _row(text: str, spans: Iterable[dict[str, Any]], keys: Sequence[str]) -> tuple[str, list[Span]]:
    start, end, kind = keys
    return text, [(span[start], span[end], span[kind]) for span in spans]


def spans_of(finder: Callable[[str], list[Finding]]) -> Finder:
    """Return a finder of the places and categories of findings."""
    return lambda text: [(f.start, f.end, f.category) for f in finder(text)]


def presidio() -> Finder:
    """Return Presidio with its default recognisers and no model."""
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)  # it goes on without the network, loudly
    nlp = SpacyNlpEngine([{"lang_code": "en", "model_name": "blank"}])
    nlp.nlp = {"en": spacy.blank("en")}  # type: ignore[assignment]
    analyzer = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
    return lambda text: [
        (found.start, found.end, found.entity_type)
        for found in analyzer.analyze(text, language="en", score_threshold=0.4)
    ]


if __name__ == "__main__":
    main()
