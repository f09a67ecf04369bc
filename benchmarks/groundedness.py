"""What the rail of groundedness catches, flags falsely and costs: `python -m benchmarks.groundedness`.

Rows that nothing was learnt from or chosen on, with one threshold for all: BEGIN, which people labelled, and a fifth of
HaluEval, in the folder that EVALDATA names; without it they are not measured.
"""

import math
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from core.rag.support import SupportReader
from core.rag.support_features import FEATURES, WordVectors, compare, read_passages
from core.schema import Evidence
from core.training.support_data import BEGIN, SupportRow, load_reported_rows
from governance.rails.groundedness import UNCITED, GroundednessRail
from governance.scorecard import wilson

MODEL = Path(__file__).parents[1] / "data" / "models" / "support"
SENTENCES = (
    "Meals are paid up to 60 USD a day on trips abroad [{a}].",
    "Receipts must reach the finance team within ten working days [{b}].",
    "The traveller hears from finance when something is missing [{c}].",
    "Trains come before flights on trips of less than six hours [{d}].",
    "Hotels are booked by the travel desk and paid by the company [{a}].",
)
PASSAGE = (
    "Case {n}: refunds are paid within ten working days once the receipts have arrived. The finance team checks each "
    "claim against the travel rules, writes to the traveller when something is missing, and closes the case after the "
    "payment. Meals are paid up to {n} USD a day. Trains go first on trips of less than six hours; a flight is allowed "
    "when the train takes longer. Hotels are booked by the travel desk. "
)
ANSWERS = 200


def main() -> None:
    """Print all tables."""
    print(describe_machine() + "\n")
    model = SupportReader(MODEL)
    rail = GroundednessRail(model)
    cost(rail)
    folder = Path(os.environ.get("EVALDATA", "evaldata"))
    if not (folder / "grounding").is_dir():
        print(f"\nright and wrong flags: not measured, {folder} has no sets (set EVALDATA)")
        return
    rows = load_reported_rows(folder)
    said, kinds = judge(rail, rows)
    people = [at for at, row in enumerate(rows) if row.source in BEGIN]
    print(f"\n{'sentences kept, and flagged':32}{'supported':>10}{'kept':>8}{'95 %':>16}", end="")
    print(f"{'others':>8}{'flagged':>9}{'95 %':>16}{'balanced':>10}{'95 %':>16}")
    for source in dict.fromkeys(row.source for row in rows):
        of_it = [at for at, row in enumerate(rows) if row.source == source]
        show(source, [rows[at].supported for at in of_it], [said[at] for at in of_it])
    labels = [rows[at].supported for at in people]
    show("all that people labelled", labels, [said[at] for at in people])
    show("  the model alone", labels, by_model(model, [rows[at] for at in people]))
    show("  shared words, best threshold", labels, by_shared_words([rows[at] for at in people]))
    print("\nwhat was flagged as, of the sentences that people labelled")
    for label, name in ((False, "unsupported"), (True, "supported")):
        counted = Counter(kind for at in people if rows[at].supported == label for kind in kinds[at])
        print(f"{name:12}", ", ".join(f"{kind} {n}" for kind, n in counted.most_common()))


def cost(rail: GroundednessRail) -> None:
    """Print what an answer of 5 sentences on 4 passages costs that were not seen before, and one that quotes."""
    print(f"{'cost of an answer (ms), one core':48}{'n':>5}{'p50':>9}{'p95':>9}{'cpu p50':>9}")
    own, quoting = [], []
    for n in range(ANSWERS):
        evidence = tuple(_evidence(i, PASSAGE.format(n=4 * n + i)) for i in range(1, 5))
        text = " ".join(SENTENCES).format(a=1, b=2, c=3, d=4)
        own.append(_timed(rail, evidence, text))
        quoted = PASSAGE.split(". ")[2]
        parts = (f"“{quoted.format(n=4 * n + 1 + i % 4)}” [{1 + i % 4}]" for i in range(5))
        quoting.append(_timed(rail, evidence, " ".join(parts)))
    for name, times in (("5 own sentences, 4 passages of 85 words", own), ("5 verbatim quotations", quoting)):
        wall, busy = zip(*times, strict=True)
        p95 = statistics.quantiles(wall, n=20)[18]
        print(f"{name:48}{len(wall):>5}{statistics.median(wall):>9.2f}{p95:>9.2f}{statistics.median(busy):>9.2f}")


def _timed(rail: GroundednessRail, evidence: tuple[Evidence, ...], text: str) -> tuple[float, float]:
    started = time.perf_counter(), time.process_time()
    rail.over(evidence).inspect(text)
    return 1000 * (time.perf_counter() - started[0]), 1000 * (time.process_time() - started[1])


def judge(rail: GroundednessRail, rows: Sequence[SupportRow]) -> tuple[list[bool], list[tuple[str, ...]]]:
    """Return for each row whether none of its sentences is flagged, and as what they are; uncited is no flag here."""
    kinds = []
    for row in rows:
        bound = rail.over([_evidence(n, text) for n, text in enumerate(row.passages, start=1)])
        kinds.append(tuple(f.category for f in bound.inspect(row.sentence) if f.category != UNCITED))
    return [not found for found in kinds], kinds


def by_model(model: SupportReader, rows: Sequence[SupportRow]) -> list[bool]:
    """Return what the model says of a row as one sentence, whether it claims anything or not."""
    return [model.weigh(row.sentence, row.passages).score >= model.threshold for row in rows]


def by_shared_words(rows: Sequence[SupportRow]) -> list[bool]:
    """Return what the share of a row's words in its passages says, with the threshold that suits these rows best."""
    vectors, place = WordVectors(), FEATURES.index("words_in_passages")
    shares = np.array(
        [compare(row.sentence, read_passages(row.passages, vectors), vectors).features[place] for row in rows]
    )
    labels = np.array([row.supported for row in rows])
    tried = np.linspace(0, 1, 101)
    best = max(tried, key=lambda bar: (shares[labels] >= bar).mean() + (shares[~labels] < bar).mean())
    return [bool(share >= best) for share in shares]


def show(name: str, labels: Sequence[bool], said: Sequence[bool]) -> None:
    """Print how many supported rows were kept and how many others flagged, and the mean of both rates."""
    pairs = list(zip(labels, said, strict=True))
    yes, no = [kept for label, kept in pairs if label], [not kept for label, kept in pairs if not label]
    kept, flagged = sum(yes) / len(yes), sum(no) / len(no)
    (low, high), (low2, high2) = wilson(sum(yes), len(yes)), wilson(sum(no), len(no))
    balanced = (kept + flagged) / 2
    # Zou and Donner 2008: the interval of a sum from those of its parts.
    below, above = math.hypot(kept - low, flagged - low2) / 2, math.hypot(high - kept, high2 - flagged) / 2
    print(f"{name:32}{len(yes):>10}{kept:>8.1%}{f'{low:.1%} to {high:.1%}':>16}", end="")
    print(f"{len(no):>8}{flagged:>9.1%}{f'{low2:.1%} to {high2:.1%}':>16}", end="")
    print(f"{balanced:>10.3f}{f'{balanced - below:.3f} to {balanced + above:.3f}':>16}")


def _evidence(number: int, text: str) -> Evidence:
    return Evidence(number, f"chunk-{number}", "d", "v", "Data", "Document", "Place", "CC0-1.0", text, 1.0)


if __name__ == "__main__":
    main()
