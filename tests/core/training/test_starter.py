import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.errors import TrainingError
from core.schema import digest_of
from core.training.starter import train_starter
from core.training.starter_batches import Stream, collate
from core.training.starter_model import Shape, build_model, counted_tokens, learning_rate, next_token_loss
from core.training.starter_tokenizer import Encoded, build_tokenizer

ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from conftest import TINY_RECIPE
from core.training.starter import train_starter

def kill_at(report):
    if report.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

work = Path(sys.argv[2])
train_starter(Path(sys.argv[1]), work / "model", recipe=TINY_RECIPE, samples=0, checkpoints=work,
              checkpoint_every=1, report_every=1, progress=kill_at)
"""


@pytest.fixture(scope="module")
def trained(source_folder, tiny_recipe, tmp_path_factory):
    """A whole tiny training: its folder and its reports."""
    folder = tmp_path_factory.mktemp("trained")
    reports = []
    output = train_starter(
        source_folder, folder / "starter", recipe=tiny_recipe, samples=1, report_every=1, progress=reports.append
    )
    return output, reports


def test_training_learns(trained):
    _, reports = trained
    assert reports[-1].loss < reports[0].loss - 0.5
    assert reports[-1].tokens >= 12_000
    assert [r.reading for r in reports] == sorted((r.reading for r in reports), reverse=True)


def test_exported_model_loads_and_generates(trained):
    output, _ = trained
    model, tokenizer = AutoModelForCausalLM.from_pretrained(output), AutoTokenizer.from_pretrained(output)
    chat = [{"role": "user", "content": "hello"}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    made = model.generate(**ids, max_new_tokens=4)
    assert made.shape[1] > ids["input_ids"].shape[1]
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|end|>")
    assert tokenizer.eos_token == "<|end|>"
    assert load_file(output / "model.safetensors")["model.embed_tokens.weight"].dtype == torch.bfloat16


def test_history_is_kept_as_json_and_csv(trained):
    output, reports = trained
    history = json.loads((output / "training.json").read_text())["history"]
    with (output / "loss.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in history] == [r.step for r in reports]
    assert [float(row["loss"]) for row in rows] == [r.loss for r in reports]


def test_card_names_digest_figures_and_sources(trained):
    output, _ = trained
    card = (output / "README.md").read_text()
    assert digest_of((output / "model.safetensors").read_bytes()) in card
    for row in json.loads((output / "evaluation.json").read_text()):
        assert f"| {row['name']} |" in card
        assert f"| {row['held']} / {row['n']} |" in card
    assert "CC BY-SA 4.0" in card
    assert "{" not in card


def test_training_killed_goes_on_to_the_same_weights(trained, source_folder, tiny_recipe, tmp_path):
    whole, _ = trained
    command = [sys.executable, "-c", KILLED, str(source_folder), str(tmp_path), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    killed = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "model").exists()
    reports = []
    resumed = train_starter(
        source_folder,
        tmp_path / "model",
        recipe=tiny_recipe,
        samples=0,
        checkpoints=tmp_path,
        checkpoint_every=1,
        report_every=1,
        progress=reports.append,
    )
    assert reports[0].step == 3
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (resumed / "loss.csv").read_bytes() == (whole / "loss.csv").read_bytes()


def test_a_checkpoint_of_another_recipe_is_refused(trained, source_folder, tiny_recipe, tmp_path):
    options = {"samples": 0, "checkpoints": tmp_path, "checkpoint_every": 1, "report_every": 1}
    small = replace(tiny_recipe, tokens=100, decay_tokens=50)
    train_starter(source_folder, tmp_path / "model", recipe=small, **options)
    with pytest.raises(TrainingError, match="another recipe"):
        train_starter(source_folder, tmp_path / "model", recipe=replace(small, seed=4), **options)
    (tmp_path / "checkpoint.pt").write_bytes(b"cut short")
    with pytest.raises(TrainingError, match="Delete it to start over"):
        train_starter(source_folder, tmp_path / "model", recipe=small, **options)


def test_too_few_texts_for_the_vocabulary_are_refused(source_folder, tiny_recipe, tmp_path):
    recipe = replace(tiny_recipe, tokenizer_texts=1, shape=replace(tiny_recipe.shape, vocabulary=9000))
    with pytest.raises(TrainingError, match="9000"):
        train_starter(source_folder, tmp_path / "model", recipe=recipe)


def test_batches_of_a_window_hold_each_conversation_once(sources, tiny_recipe):
    tokenizer = build_tokenizer(["some text to learn from"], vocabulary=300)
    stream = Stream(sources, tokenizer, seed=1, batch_tokens=4000, max_tokens=900)
    batches = list(stream.window(0, copying=False))
    assert all(b.ids.numel() <= 4000 or b.ids.shape[0] == 1 for b in batches)
    assert all(b.texts.sum(dim=1).max() <= 900 for b in batches)
    again = list(stream.window(0, copying=False))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(batches, again, strict=True))
    assert not all(torch.equal(a.ids, b.ids) for a, b in zip(batches, stream.window(1, copying=False), strict=False))


def _repeats(batch):
    """Count the rows whose answer stands in the same order before it."""
    rows = zip(batch.ids, batch.answers, strict=True)
    parts = ((ids[: answers.nonzero()[0]], ids[answers]) for ids, answers in rows)
    texts = [[",".join(map(str, part.tolist())) for part in pair] for pair in parts]
    return sum(f",{after}," in f",{before}," for before, after in texts)


def test_random_tokens_said_twice_are_mixed_in_only_while_copying_is_learnt(sources, tiny_recipe):
    tokenizer = build_tokenizer(["some text to learn from"], vocabulary=300)
    stream = Stream(sources, tokenizer, seed=1, batch_tokens=4000, max_tokens=900)
    copied = [sum(_repeats(b) for b in stream.window(0, copying=copying)) for copying in (True, False)]
    assert copied[0] > 20
    assert copied[1] < 10  # an earlier turn can hold the same short answer


def test_loss_of_a_row_does_not_depend_on_padding():
    model = build_model(Shape(vocabulary=64, hidden=16, layers=1, heads=2, feed_forward=16), seed=1, pad=0, end=1)
    short, long = Encoded((5, 6, 7, 8), 2), Encoded(tuple(range(5, 25)), 19)
    alone, padded = collate([short]), collate([short, long])
    padded.answers[1] = False
    losses = [float(next_token_loss(model, b, counted=b.answers).detach()) for b in (alone, padded)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_answers_count_always_and_prompts_while_reading():
    batch = collate([Encoded(tuple(range(100)), 60), Encoded(tuple(range(20)), 10)])
    assert torch.equal(counted_tokens(batch, reading=False, quoting=True, step=1), batch.answers)
    reading = counted_tokens(batch, reading=True, quoting=True, step=1)
    assert (reading | batch.answers).equal(reading)
    assert 0 < int((reading & ~batch.answers).sum()) < 40
    assert not (reading & ~batch.texts).any()
    assert not torch.equal(reading, counted_tokens(batch, reading=True, quoting=True, step=2))


def test_quotations_stop_counting_when_the_constraint_writes_them():
    batch = collate([Encoded(tuple(range(20)), 10, frozenset({13, 14})), Encoded(tuple(range(8)), 4)])
    own = counted_tokens(batch, reading=False, quoting=False, step=1)
    assert own[0].nonzero().flatten().tolist() == [10, 11, 12, 15, 16, 17, 18, 19]
    assert own[1].nonzero().flatten().tolist() == [4, 5, 6, 7]


def test_learning_rate_rises_stays_and_falls():
    rates = [learning_rate(t, warmup=100, decay=400, total=1000) for t in (0, 50, 100, 600, 800, 1000, 1010)]
    assert rates[:4] == [0.01, 0.5, 1.0, 1.0]
    assert rates[4] == pytest.approx(0.525)
    assert rates[5] == rates[6] == pytest.approx(0.05)
