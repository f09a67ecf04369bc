import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.errors import TrainingError
from core.schema import digest_of
from core.training.starter import train_starter
from core.training.starter_batches import PROMPT, Mixture, Stream, Windows, collate, load_windows
from core.training.starter_card import Figure, write_card
from core.training.starter_model import Shape, Weights, build_model, count_tokens, learning_rate, next_token_loss
from core.training.starter_reading import load_reading
from core.training.starter_tokenizer import Encoded, build_tokenizer

ROOT = Path(__file__).parents[3]
KILLED = """
import multiprocessing, os, signal, sys, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from conftest import TINY_RECIPE
from core.training.starter import train_starter

def kill_at(report):
    if report.step == 3:
        print(*(f"child:{child.pid}" for child in multiprocessing.active_children()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

work = Path(sys.argv[2])
if __name__ == "__main__":
    train_starter(Path(sys.argv[1]), work / "model", recipe=TINY_RECIPE, checkpoints=work, workers=int(sys.argv[4]),
                  checkpoint_every=1, report_every=1, progress=kill_at)
"""


@pytest.fixture(scope="module")
def trained(source_folder, tiny_recipe, tmp_path_factory):
    """A whole tiny training: its folder and its reports."""
    folder = tmp_path_factory.mktemp("trained")
    reports = []
    output = train_starter(
        source_folder, folder / "starter", recipe=tiny_recipe, report_every=1, progress=reports.append
    )
    return output, reports


def test_training_learns(trained):
    _, reports = trained
    assert sum(r.loss for r in reports[-5:]) < sum(r.loss for r in reports[:5]) - 2.5
    assert reports[-1].tokens >= 40_000
    assert [r.share for r in reports] == sorted(r.share for r in reports)
    assert reports[-1].share == 1


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


def test_card_names_digest_figures_and_sources(trained, tmp_path):
    output = shutil.copytree(trained[0], tmp_path / "model")
    write_card(output, figures=[Figure("quotes well", 9, 10), Figure("refuses", 3, 10), Figure("nothing", 0, 0)])
    card = (output / "README.md").read_text()
    assert digest_of((output / "model.safetensors").read_bytes()) in card
    for row in json.loads((output / "evaluation.json").read_text()):
        assert f"| {row['name']} |" in card
        assert f"| {row['held']} / {row['n']} |" in card
    assert "CC BY-SA 4.0" in card
    assert "- refuses: 30 %." in card
    assert "- quotes well" not in card
    assert "| nothing | not measured |" in card
    assert "{" not in card


def _train_and_kill(source_folder, folder, *, workers):
    """Return the numbers of the processes that a killed training had started."""
    arguments = [str(source_folder), str(folder), str(Path(__file__).parent), str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with (folder / "out").open("w+") as out:  # a pipe would wait for the processes that are left
        command = [sys.executable, "-c", KILLED, *arguments]
        killed = subprocess.run(command, env=environment, cwd=ROOT, stdout=out, stderr=out, timeout=200)
    said = (folder / "out").read_text()
    assert killed.returncode == -signal.SIGKILL, said
    return [int(word.removeprefix("child:")) for word in said.split() if word.startswith("child:")]


def test_worker_processes_end_with_a_killed_training(source_folder, tmp_path):
    (child,) = _train_and_kill(source_folder, tmp_path, workers=1)
    ends = time.monotonic() + 30
    while _runs(child) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not _runs(child)


def _runs(process):
    """Say whether a process still runs; one that ended may wait long until it is collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_training_killed_goes_on_to_the_same_weights(trained, source_folder, tiny_recipe, tmp_path):
    whole, _ = trained
    _train_and_kill(source_folder, tmp_path, workers=0)
    assert not (tmp_path / "model").exists()
    reports = []
    resumed = train_starter(
        source_folder,
        tmp_path / "model",
        recipe=tiny_recipe,
        checkpoints=tmp_path,
        checkpoint_every=1,
        report_every=1,
        progress=reports.append,
    )
    assert reports[0].step == 3
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (resumed / "loss.csv").read_bytes() == (whole / "loss.csv").read_bytes()


def test_a_checkpoint_of_another_recipe_is_refused(trained, source_folder, tiny_recipe, tmp_path):
    options = {"checkpoints": tmp_path, "checkpoint_every": 1, "report_every": 1}
    small = replace(tiny_recipe, tokens=100)
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


@pytest.fixture(scope="module")
def stream(sources, source_folder):
    tokenizer = build_tokenizer(["some text to learn from"], vocabulary=300)
    reading = load_reading(source_folder, tokenizer=tokenizer)
    return Stream(sources, reading, tokenizer, seed=1, rows=64, batch_tokens=4000, max_tokens=900)


def test_batches_of_a_window_are_decided_by_number_and_share(stream):
    batches = stream.window(0, share=0.7)
    assert all(b.ids.size <= 4000 or b.ids.shape[0] == 1 for b in batches)
    assert all((b.roles != 0).sum(axis=1).max() <= 900 for b in batches)
    again = stream.window(0, share=0.7)
    assert all((a.ids == b.ids).all() for a, b in zip(batches, again, strict=True))
    assert _bytes(batches) != _bytes(stream.window(1, share=0.7))
    assert _bytes(batches) != _bytes(stream.window(0, share=0.0))


def test_public_texts_get_fewer_as_the_training_goes_on():
    shares = [Mixture().texts(share) for share in (0, 0.3, 0.6, 1)]
    assert shares == pytest.approx([0.35, 0.175, 0.02, 0.02])


def test_windows_made_by_processes_are_those_made_in_this_one(source_folder, tmp_path):
    build_tokenizer(["some text to learn from"], vocabulary=300).save(str(tmp_path / "tokenizer.json"))
    windows = Windows(source_folder, tmp_path / "tokenizer.json", 1, 16, 4000, 900, Mixture())
    plan = [(0, 0.0), (1, 0.5), (2, 1.0)]
    here, there = (list(load_windows(windows, plan=plan, workers=workers)) for workers in (0, 2))
    assert [_bytes(batches) for batches in here] == [_bytes(batches) for batches in there]


def _bytes(batches):
    return [(b.ids.tobytes(), b.roles.tobytes()) for b in batches]


def test_loss_of_a_row_does_not_depend_on_padding():
    model = build_model(
        Shape(vocabulary=64, hidden=16, layers=1, heads=2, key_heads=1, feed_forward=16), seed=1, pad=0, end=1
    )
    short, long = Encoded((5, 6, 7, 8), 2), Encoded(tuple(range(5, 25)), 19)
    losses = []
    for batch in (collate([short]), collate([short, long])):
        batch.roles[1:] = 0
        counted = count_tokens(batch, weights=Weights(), reading=False, step=1)
        losses.append(float(next_token_loss(model, batch, counted=counted, device=torch.device("cpu")).detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_answers_count_always_and_prompts_while_reading():
    batch = collate([Encoded(tuple(range(100)), 60), Encoded(tuple(range(20)), 10)])
    own = count_tokens(batch, weights=Weights(), reading=False, step=1)
    assert [int(p) + 1 for p in own.places] == [*range(60, 100), *range(110, 120)]
    assert own.weights[0] == own.weights[40] == Weights().deciding
    read = count_tokens(batch, weights=Weights(), reading=True, step=1)
    prompts = [p + 1 for p in read.places.tolist() if batch.roles.reshape(-1)[p + 1] == PROMPT]
    assert 0 < len(prompts) < 40
    assert len(prompts) + 50 == len(read.places)
    assert read.places.tolist() != count_tokens(batch, weights=Weights(), reading=True, step=2).places.tolist()


def test_quotations_weigh_less_than_own_words_but_for_their_beginning():
    batch = collate([Encoded(tuple(range(20)), 10, frozenset(range(12, 19)))])
    counted = count_tokens(batch, weights=Weights(), reading=False, step=1)
    assert counted.weights.tolist() == pytest.approx([4, 1, 1, 1, 1, 1, 0.15, 0.15, 0.15, 1])


def test_learning_rate_rises_stays_and_falls():
    rates = [learning_rate(share, warmup=0.1, decay=0.4) for share in (0, 0.05, 0.1, 0.6, 0.8, 1.0)]
    assert rates == pytest.approx([0.01, 0.5, 1.0, 1.0, 0.51, 0.02])


def test_a_training_limited_in_time_ends_with_all_of_its_schedule(source_folder, tiny_recipe, tmp_path):
    reports = []
    recipe = replace(tiny_recipe, tokens=10**9, max_seconds=1.0)
    train_starter(source_folder, tmp_path / "model", recipe=recipe, report_every=1, progress=reports.append)
    assert reports[-1].share == 1
    assert reports[-1].tokens < 10**9


def test_more_workers_than_planned_windows_are_refused(source_folder, tiny_recipe, tmp_path):
    with pytest.raises(TrainingError, match="ahead"):
        train_starter(source_folder, tmp_path / "model", recipe=tiny_recipe, workers=9)


def test_training_from_the_command_line_needs_nothing_of_the_engine():
    code = "import sys, core.training.starter_run as run; print([m for m in {names} if m in sys.modules])"
    names = ["pydantic", "typer", "rich", "sqlalchemy", "core.llm"]
    command = [sys.executable, "-c", code.format(names=names)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "[]", done.stderr
