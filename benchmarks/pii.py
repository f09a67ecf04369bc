"""How much personal data is found, beside plain Presidio: `python -m benchmarks.pii`.

A labelled value counts as found when a finding overlaps it; a finding is right when it overlaps any labelled value. No
clinical sentence was read to write a rule, and none trained anything; counts of each type were seen before the last
rules (any number that is called one, pages, births) were added. Of presidio-research's generated sentences, addresses
are measured on the templates that no pattern was made from (odd ids). Both lie in the folder that EVALDATA names;
without it nothing is measured. Presidio runs with its default recognisers and a blank spaCy pipeline, so without names.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from benchmarks.machine import describe_machine
from core.encoder.guard_reader import GuardReader
from governance.rails.identity_numbers import build_identity_numbers_rail
from governance.rails.pii import build_pii_rail
from governance.rails.safe_harbour import SafeHarbourRail
from governance.schema import Rail
from governance.scorecard import wilson

GUARD = Path(__file__).parents[1] / "data" / "models" / "guard"
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


def main() -> None:
    """Print all tables."""
    print(describe_machine())
    folder = Path(os.environ.get("EVALDATA", "evaldata")) / "pii"
    if not folder.is_dir():
        print(f"personal data: not measured, {folder} is missing (set EVALDATA)")
        return
    clinical = [
        _row(row["sentence"], row["spans"], ("start", "end", "label")) for row in _load(folder / "clinical.json")
    ]
    every_level: list[Rail] = [build_pii_rail(), build_identity_numbers_rail()]
    maximum = [*every_level, SafeHarbourRail(GuardReader(GUARD, threads=1))]
    finders = {
        "standard, enhanced": _by_rails(every_level),
        "maximum": _by_rails(maximum),
        "Presidio, no model": _presidio(),
    }
    for title, kinds in (("structured types", STRUCTURED), ("with names and places", (*STRUCTURED, *NAMES))):
        print(f"\nclinical sentences ({len(clinical)}), {title}: {', '.join(kinds)}")
        show({name: tally(finder, clinical, kinds) for name, finder in finders.items()})
    keys = ("start_position", "end_position", "entity_type")
    rows = [row for row in _load(folder / "generated_large.json") if row["template_id"] % 2]
    generated = [_row(row["full_text"], row["spans"], keys) for row in rows]
    print(f"\ngenerated sentences with odd template ids ({len(generated)}), addresses and their parts")
    show({name: tally(finders[name], generated, ("ADDRESS",)) for name in ("standard, enhanced", "Presidio, no model")})


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
    print(f"{'':22}{'n':>6}{'found':>7}{'recall':>8}{'95 %':>16}{'findings':>10}{'precision':>11}{'95 %':>16}{'F2':>7}")
    for name, each in tallies.items():
        n, found = each.total.total(), each.found.total()
        print(f"{name:22}{n:>6}{found:>7}{_rate(found, n)}{each.given:>10}   {_rate(each.right, each.given)}", end="")
        p, r = each.right / max(1, each.given), found / max(1, n)
        print(f"{5 * p * r / (4 * p + r) if p + r else 0:>7.3f}")
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


def _by_rails(rails: Sequence[Rail]) -> Finder:
    return lambda text: [(f.start, f.end, f.category) for rail in rails for f in rail.inspect(text)]


def _presidio() -> Finder:
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
