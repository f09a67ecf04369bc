"""Builds what the guard model learns from, is calibrated on and is tested on, the same from the same seed.

Whole sources stay out of training (`HELD_OUT`). Of our own text every tenth template, harmful act and harmless twin is
kept for calibration. Our own text is English but for short attacks in other languages, and made from templates: figures
on calibration rows flatter, those on held-out sources do not.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from core.training.guard_augment import disguise, embed
from core.training.guard_names import build_name_rows
from core.training.guard_phrases import Phrases, load_phrases, load_words, pick_fold, tidy
from core.training.guard_rows import CLEAN, HAZARDS, Row, attack, clean, harmful, write_rows
from core.training.guard_sources import (
    HELD_OUT,
    load_guard_sources,
    load_mails,
    load_passages,
    load_payloads,
)

DISGUISED = 0.25
MAX_CHARS = 1200
_ATTACKS = {
    "override": 4000,
    "marker": 3000,
    "extraction": 4500,
    "jailbreak_short": 4500,
    "jailbreak_long": 5000,
    "rules_only": 600,
    "fewshot": 800,
    "foreign": 1600,
}
_HARMLESS = {
    "trigger_office": 3500,
    "trigger_code": 3500,
    "roleplay": 5000,
    "lookalike": 2500,
    "chat": 5000,
    "mail": 2000,
}
_LIMITS = {"davidson": 14000, "wikitablequestions": 4000, "banking77": 4000, "btc": 6000, "halueval": 4507}
_OWN_REPEATS = {"lookalike": 4, "trigger_office": 2, "trigger_code": 3}
_REPEATS = {"advbench": 3, "donotanswer": 3, "donotanswer_advice": 6, "self_instruct_seed": 4, "halueval": 2}


@dataclass(frozen=True, slots=True)
class GuardData:
    """Rows to learn from, to set thresholds with, and to report on by source."""

    train: list[Row]
    calibration: list[Row]
    test: list[Row]


@dataclass(frozen=True, slots=True)
class _Words:
    attacks: Phrases
    harmless: Phrases
    harm: Phrases
    hazards: Mapping[str, Mapping[str, Sequence[str]]]
    toxicity: Phrases
    passages: list[str]


def build_guard_data(phrases: Path, public: Path, *, seed: int = 1, scale: float = 1.0) -> GuardData:
    """Build all rows.

    Args:
        phrases: Folder of the word lists `guard_*.json`.
        public: Folder of the public data.
        seed: Decides what is drawn.
        scale: Share of our own text that is made; below 1 for a quick look.
    """
    random = Random(seed)  # noqa: S311 - examples, not secrets
    words = _load_words(phrases, public)
    sources = load_guard_sources(public)
    public_train, public_calibration = _split_public([r for r in sources if r.source not in HELD_OUT], random)
    train = [
        *_own_rows(words, random, fold=1, scale=scale),
        *_placed_attacks(words, load_mails(public), load_payloads(public), random, scale=scale),
        *build_name_rows(phrases / "guard_entities.json", random, count=round(9000 * scale), fold=1),
        *public_train,
    ]
    calibration = [
        *_own_rows(words, random, fold=0, scale=0.08 * scale),
        *build_name_rows(phrases / "guard_entities.json", random, count=round(400 * scale), fold=0),
        *public_calibration,
    ]
    test = [*(r for r in sources if r.source in HELD_OUT), *_hard_test(phrases / "guard_hard_test.jsonl")]
    random.shuffle(train)
    cut = [_shorten(row) for row in train]
    return GuardData(cut, [_shorten(row) for row in calibration], test)


def write_guard_data(data: GuardData, folder: Path) -> dict[str, int]:
    """Write the three files; returns how many rows each holds."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": data.train, "calibration": data.calibration, "test": data.test}
    return {name: write_rows(folder / f"{name}.jsonl.gz", rows) for name, rows in parts.items()}


def _load_words(folder: Path, public: Path) -> _Words:
    harmless = load_phrases(folder / "guard_benign.json")
    ask = {"benignask": [*harmless.templates["chat"], *harmless.templates["trigger_code"]]}
    attacks = load_phrases(folder / "guard_injection.json", extra={**harmless.slots, **ask})
    own = load_phrases(folder / "guard_injection.json").slots
    hazards = load_words(folder / "guard_harm.json")["hazards"]
    return _Words(
        Phrases({**attacks.slots, **own}, attacks.templates),
        harmless,
        load_phrases(folder / "guard_harm.json"),
        hazards,
        load_phrases(folder / "guard_toxicity.json"),
        load_passages(public),
    )


def _own_rows(words: _Words, random: Random, *, fold: int, scale: float) -> Iterator[Row]:
    rows = [
        *_attack_rows(words, random, fold=fold, scale=scale),
        *_harmless_rows(words, random, fold=fold, scale=scale),
        *_toxicity_rows(words, random, fold=fold, scale=scale),
    ]
    for name in HAZARDS:
        rows += _hazard_rows(words, name, random, fold=fold, scale=scale)
    for row in rows:
        yield replace(row, text=disguise(row.text, random=random)) if random.random() < DISGUISED else row


def _attack_rows(words: _Words, random: Random, *, fold: int, scale: float) -> Iterator[Row]:
    for group, count in _ATTACKS.items():
        for text in words.attacks.sample(group, count=round(count * scale), random=random, fold=fold):
            yield attack(text, f"own_{group}")
            if random.random() < 0.12:
                yield attack(embed(text, words.passages, random=random), f"own_{group}")
    acts = [act for hazard in words.hazards.values() for act in pick_fold(hazard["acts"], fold=fold)]
    for _ in range(round(3000 * scale)):  # personas that end in a harmful request
        persona = words.attacks.sample("jailbreak_long", count=1, random=random, fold=fold)[0]
        wish = words.harm.expand(random.choice(acts), random=random)
        ask = words.harm.expand("{casual}", random=random).replace("{act}", wish)
        yield Row(f"{persona} {ask}", "own_jailbreak_harm", {"injection": 1, "harm": 1})
    indirect = words.attacks.templates["indirect"]
    for _ in range(round(6000 * scale)):
        order = tidy(words.attacks.expand(random.choice(indirect), random=random))
        yield attack(embed(order, _surroundings(words, random), random=random), "own_indirect")


def _harmless_rows(words: _Words, random: Random, *, fold: int, scale: float) -> Iterator[Row]:
    for group, count in _HARMLESS.items():
        for text in words.harmless.sample(group, count=round(count * scale), random=random, fold=fold):
            for _ in range(_OWN_REPEATS.get(group, 1)):
                yield clean(text, f"own_{group}")
            if group == "mail" and random.random() < 0.6:
                yield clean(embed(text, _surroundings(words, random), random=random), f"own_{group}")
            elif group in ("chat", "roleplay") and random.random() < 0.25:  # a request, then what it is about
                passage = random.choice(words.passages)[: random.randint(80, 600)]
                yield clean(f"{text}\n\n{passage}", f"own_{group}")
    for _ in range(round(3500 * scale)):  # as long as a jailbreak, and as full of orders
        parts = [words.harmless.sample("roleplay", count=1, random=random, fold=fold)[0]]
        for _ in range(random.randint(1, 5)):
            group = random.choice(("roleplay", "chat", "trigger_office", "trigger_code"))
            parts += words.harmless.sample(group, count=1, random=random, fold=fold)
        yield clean(random.choice((" ", "\n", "\n\n", "\n- ")).join(parts), "own_long")
    for passage in random.sample(words.passages, min(len(words.passages), round(4500 * scale))):
        yield clean(passage[: random.randint(60, 700)], "own_passage")


def _surroundings(words: _Words, random: Random) -> list[str]:
    if random.random() < 0.5:
        return [random.choice(words.passages)]
    mails = words.harmless.templates["mail"]
    return [" ".join(words.harmless.expand(random.choice(mails), random=random) for _ in range(random.randint(1, 3)))]


def _hazard_rows(words: _Words, name: str, random: Random, *, fold: int, scale: float) -> Iterator[Row]:
    hazard = words.hazards[name]
    acts = pick_fold(hazard["acts"], fold=fold)
    for i in range(round(1300 * scale)):
        act = words.harm.expand(acts[i % len(acts)], random=random)
        frame = random.choices(("casual", "formal", "story"), weights=(5, 5, 1))[0]
        yield harmful(words.harm.expand(f"{{{frame}}}", random=random).replace("{act}", act), "own_harm", name)
    for i in range(round(800 * scale)):
        act = words.harm.expand(acts[i % len(acts)], random=random)
        yield clean(words.harm.expand("{safe}", random=random).replace("{act}", act), "own_safe_act")
    twins = pick_fold(hazard["twins"], fold=fold)
    for i in range(round(250 * scale)):
        yield clean(words.harm.expand(twins[i % len(twins)], random=random), "own_twin")


def _toxicity_rows(words: _Words, random: Random, *, fold: int, scale: float) -> Iterator[Row]:
    unkind = {"toxicity": 1, "injection": 0}
    for text in words.toxicity.sample("hate", count=round(2500 * scale), random=random, fold=fold):
        yield Row(text, "own_hate", {**unkind, "hate_speech": 1})
    for text in words.toxicity.sample("toxic", count=round(1500 * scale), random=random, fold=fold):
        yield Row(text, "own_toxic", unkind)
    for text in words.toxicity.sample("benign", count=round(4500 * scale), random=random, fold=fold):
        yield clean(text, "own_identity")


def _placed_attacks(
    words: _Words, mails: list[str], payloads: list[str], random: Random, *, scale: float
) -> Iterator[Row]:
    """Orders inside mails and pages; the same places without orders are harmless."""
    for _ in range(round(2500 * scale)):
        around = random.choice((mails, _surroundings(words, random)))
        yield attack(embed(random.choice(payloads), around, random=random), "bipia_injecagent")
        yield clean(embed("", around, random=random, words=90), "bipia_mail")


def _split_public(rows: list[Row], random: Random) -> tuple[list[Row], list[Row]]:
    """Return rows for training and calibration, a fifteenth of each source and a third of chat requests calibrating."""
    train: list[Row] = []
    calibration: list[Row] = []
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    for source, found in sorted(by_source.items()):
        random.shuffle(found)
        held = len(found) // (3 if source == "halueval" else 15)
        calibration += found[: min(held, 1500)]
        kept = found[held : held + _LIMITS.get(source, 10_000)]
        train += kept
        for _ in range(_REPEATS.get(source, 1) - 1):
            train += [replace(row, text=disguise(row.text, random=random)) for row in kept]
    return train, calibration


def _shorten(row: Row) -> Row:
    return row if len(row.text) <= MAX_CHARS or row.spans is not None else replace(row, text=row.text[:MAX_CHARS])


def _hard_test(path: Path) -> Iterator[Row]:
    """Read hand-written rows: `kind` is `attack`, `harm`, `trigger` or `scary`; the last two are harmless."""
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        kind, text = str(item["kind"]), str(item["text"])
        if kind == "attack":
            yield attack(text, "own_hard_attack")
        elif kind == "harm":
            yield harmful(text, "own_hard_harm")
        else:
            yield Row(text, f"own_hard_{kind}", CLEAN)
