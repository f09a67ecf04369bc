"""Thresholds of the guard model from calibration rows, and its figures on each source at these thresholds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer

from core.training.guard_batches import batches, collate, cut_windows
from core.training.guard_model import GuardModel
from core.training.guard_rows import ENTITIES, LABELS, MAIN, TAGS, Row

FALSE_ALARMS = 0.01
HARD_FALSE_ALARMS = 0.02
HARD = ("own_safe_act", "own_twin", "own_lookalike", "own_trigger", "own_identity", "donotanswer_advice")
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of rows.

    Attributes:
        labels: Probabilities of shape (rows, LABELS); of a long text the highest of its windows.
        spans: Start, end and entity, found in each row.
    """

    labels: torch.Tensor
    spans: list[list[tuple[int, int, str]]]


def score_rows(model: GuardModel, rows: Sequence[Row], tokenizer: Tokenizer, *, device: str) -> Scores:
    """Score rows in windows."""
    model.eval()
    windows = cut_windows(rows, tokenizer, every=True)
    labels = torch.zeros(len(rows), len(LABELS))
    offsets = [e.offsets for e in tokenizer.encode_batch([row.text for row in rows], add_special_tokens=False)]
    spans: list[list[tuple[int, int, str]]] = [[] for _ in rows]
    for group in batches(windows, size=_BATCH):
        batch = collate(group, device)
        with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            logits, tags = model(model.word_vectors(batch.ids), batch.mask, torch.zeros_like(batch.ids))
        found, best = torch.sigmoid(logits.float()).cpu(), tags.argmax(-1).cpu().tolist()
        for i, window in enumerate(group):
            labels[window.row] = torch.maximum(labels[window.row], found[i])
            if window.offset == 0:  # names are judged in the first window alone
                spans[window.row] = _spans(best[i][1 : len(window.ids) - 1], offsets[window.row])
    return Scores(labels, spans)


def find_thresholds(scores: torch.Tensor, rows: Sequence[Row]) -> dict[str, float]:
    """Return for each label one threshold that keeps false alarms within both limits on calibration rows.

    At most `FALSE_ALARMS` on ordinary rows and `HARD_FALSE_ALARMS` on those that only look harmful.
    """
    thresholds = {}
    for column, name in enumerate(LABELS):
        clean = [i for i, row in enumerate(rows) if row.labels.get(name) == 0]
        hard = [float(scores[i, column]) for i in clean if rows[i].source.startswith(HARD)]
        ordinary = [float(scores[i, column]) for i in clean if not rows[i].source.startswith(HARD)]
        limits = (_quantile(ordinary, FALSE_ALARMS), _quantile(hard, HARD_FALSE_ALARMS))
        thresholds[name] = round(max(0.5, *limits) + 1e-4, 5)
    return thresholds


def report_by_source(scores: Scores, rows: Sequence[Row], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Return for each source and main label the rate flagged with its 95 % interval and n, and F1 and F2 of names."""
    report: dict[str, Any] = {}
    for source in sorted({row.source for row in rows}):
        at = [i for i, row in enumerate(rows) if row.source == source]
        figures: dict[str, Any] = {"n": len(at)}
        for name in MAIN:
            for value in (1, 0):
                known = [i for i in at if rows[i].labels.get(name) == value]
                flagged = sum(bool(scores.labels[i, LABELS.index(name)] >= thresholds[name]) for i in known)
                if known:
                    key = f"{name} {'caught' if value else 'false alarms'}"
                    figures[key] = {
                        "rate": round(flagged / len(known), 4),
                        "n": len(known),
                        **_wilson(flagged, len(known)),
                    }
        if any(rows[i].spans is not None for i in at):
            figures["names"] = name_figures([scores.spans[i] for i in at], [rows[i] for i in at])
        report[source] = figures
    return report


def name_figures(found: Sequence[Sequence[tuple[int, int, str]]], rows: Sequence[Row]) -> dict[str, Any]:
    """Return precision, recall, F1 and F2 of each entity that the rows mark; a span counts when it overlaps."""
    figures = {}
    for kind in ENTITIES:
        marked = [(spans, row) for spans, row in zip(found, rows, strict=True) if row.spans and kind in row.entities]
        wanted = sum(k == kind for _, row in marked for _, _, k in row.spans or ())
        given = sum(k == kind for spans, _ in marked for _, _, k in spans)
        hit = sum(_meets(span, spans) for spans, row in marked for span in row.spans or () if span[2] == kind)
        right = sum(_meets(span, row.spans or ()) for spans, row in marked for span in spans if span[2] == kind)
        if wanted and given:
            p, r = right / given, hit / wanted
            f1, f2 = (((1 + b) * p * r / (b * p + r)) if p + r else 0.0 for b in (1, 4))
            numbers = {"precision": p, "recall": r, "f1": f1, "f2": f2}
            figures[kind] = {**{key: round(value, 3) for key, value in numbers.items()}, "n": wanted}
    return figures


def format_report(report: Mapping[str, Any]) -> str:
    """Return the report as lines of text."""
    lines = []
    for source, figures in report.items():
        for key, value in figures.items():
            if key == "names":
                for kind, numbers in value.items():
                    lines.append(f"{source:24} {kind:22} " + " ".join(f"{k} {v}" for k, v in numbers.items()))
            elif key != "n":
                rate, low, high = (100 * value[k] for k in ("rate", "low", "high"))
                lines.append(f"{source:24} {key:22} {rate:5.1f} % [{low:.1f}, {high:.1f}] n {value['n']}")
    return "\n".join(lines)


def _meets(span: tuple[int, int, str], others: Sequence[tuple[int, int, str]]) -> bool:
    return any(a < span[1] and b > span[0] and kind == span[2] for a, b, kind in others)


def _spans(tags: Sequence[int], offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    before = ""
    for tag, (start, end) in zip(tags, offsets, strict=False):
        prefix, _, kind = TAGS[tag].partition("-")
        if kind and kind == before and (prefix == "I" or start == spans[-1][1]):
            spans[-1] = (spans[-1][0], end, kind)
        elif kind:
            spans.append((start, end, kind))
        before = kind
    return spans


def _quantile(values: Sequence[float], above: float) -> float:
    """Return the lowest bound that at most the share `above` of values exceeds; 0 for no values."""
    ordered = sorted(values, reverse=True)
    return ordered[min(len(ordered) - 1, math.floor(len(ordered) * above))] if ordered else 0.0


def _wilson(hits: int, n: int, *, z: float = 1.96) -> dict[str, float]:
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {"low": round(max(0.0, middle - half), 4), "high": round(min(1.0, middle + half), 4)}
