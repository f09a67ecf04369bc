"""Tests for the distillation: the networks say what the libraries' say, learn from both, and run in the product."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import MPNetConfig, MPNetModel

from core.encoder.cross_encoder import CrossEncoder, passage_rows, question_row
from core.encoder.minilm import load_words, minilm_folder
from core.errors import TrainingError
from core.rag.embedding import Embedder
from core.training import distil_run
from core.training.cross_data import load_written
from core.training.distil import DistilRecipe, train_scorer
from core.training.distil_data import WRITTEN, Drawn, Pool, load_pool, span_begins
from core.training.distil_model import load_minilm_scorer, load_mpnet_scorer, pad_rows
from core.training.distil_pool import PAGES, build_pool, load_pages
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, Labelled, data_file, write_groups
from core.training.starter_sources import Passage, Sources

WORDS = ("harbour", "orchard", "foundry", "lantern", "quarry", "meadow")


def passage(number: int) -> dict[str, object]:
    name = f"The {WORDS[number % 6]} {number}"
    return {
        "id": f"p{number}",
        "domain": "places",
        "heading": f"{name} > Facts",
        "sentences": [f"{name} opens at {number + 5}.", f"{name} belongs to the town.", "Dogs stay outside."],
        "questions": [
            {
                "answers": 0,
                "direct": f"When does the {WORDS[number % 6]} {number} open?",
                "other_words": [f"from what hour is {name} open"],
            },
            {"answers": [1], "direct": f"Who owns the {WORDS[number % 6]} {number}?", "other_words": []},
            {"answers": [2], "direct": f"quolo zib {name}?", "other_words": []},
        ],
        "unanswered": [f"How large is the {WORDS[number % 6]} {number}?"],
    }


def page(number: int) -> Passage:
    return Passage(f"Page {number}", "Overview", (f"Page {number} is about stones.", "They are grey.", "Some are red."))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with groups, written passages, questions about pages, and the pool of them."""
    root = tmp_path_factory.mktemp("distil")
    group = Group("What is grey?", (Labelled("Article > paragraph 1", ("Slate is grey.", "It splits."), (0,)),))
    for name in (TRAIN, QUESTIONS_TEST, FACTS_TEST):
        write_groups([group], data_file(root, name))
    rows = (json.dumps(passage(number)) + "\n" for number in range(30))
    (root / "passages_test.jsonl").write_text("".join(rows), encoding="utf-8")
    asked = [{"answers": [1], "wordings": ["What colour do they have?"]}]
    row = {"document": "Page 1", "place": "Overview", "sentences": 3, "asked": asked, "unanswered": ["Who says so?"]}
    (root / "pages.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return root


def sources() -> Sources:
    held = tuple(page(number) for number in range(3))
    return Sources((), held, (), (), (), (), (), documents={each.document: [each] for each in held})


@pytest.fixture(scope="module")
def pool(folder: Path) -> Pool:
    said: list[str] = []
    tokenizer, _ = load_words()
    built = build_pool(
        folder,
        sources(),
        tokenizer,
        Embedder(threads=1),
        written=folder,
        pages=folder / "pages.jsonl",
        progress=said.append,
    )
    assert said[-1].startswith(f"all: {len(built.kind)} questions")
    built.save(folder / "pool.npz")
    return load_pool(folder / "pool.npz")


def test_every_question_stands_beside_its_answer_and_others(folder: Path, pool: Pool) -> None:
    tokenizer, _ = load_words()
    gold = {int(place): int(sentence) for place, sentence in pool.gold.tolist()}
    kept = {p.questions[0].wordings[0] for p in load_written(folder) if p.is_kept_out}
    assert kept
    for at in np.flatnonzero(pool.kind == WRITTEN).tolist():
        text = tokenizer.decode(pool.question(at).tolist())
        places = range(int(pool.of_near[at]), int(pool.of_near[at + 1]))
        assert len(places) >= 10
        answering = [p for p in places if p in gold]
        assert bool(answering) == ("how large" not in text.split("?")[-2 if text.endswith("?") else -1])
        for place in answering:
            tokens, spans = pool.row(int(pool.near[place]))
            start, end = spans[gold[place]]
            told = {"opens at": ("open",), "belongs": ("who owns",), "dogs": ("quolo",)}
            said = tokenizer.decode(tokens[start:end].tolist())
            last = text.removeprefix("[CLS]")
            assert any(key in said and any(word in last for word in words) for key, words in told.items())
        for place in (p for p in places if pool.is_cut[p]):
            assert len(pool.row(int(pool.near[place]))[1]) == 2
    tests = [tokenizer.decode(pool.question(at).tolist()) for at in np.flatnonzero(pool.is_test).tolist()]
    assert {each.lower() for each in kept} <= set(tests)
    assert not any("how large" in each for each in tests)


def test_pages_that_the_public_data_lacks_are_named(folder: Path, tmp_path: Path) -> None:
    line = (folder / "pages.jsonl").read_text(encoding="utf-8")
    (tmp_path / "pages.jsonl").write_text(line + line.replace("Page 1", "Page 9"), encoding="utf-8")
    with pytest.raises(TrainingError, match=r"pages.jsonl, line 2"):
        load_pages(tmp_path / "pages.jsonl", sources())


def test_shipped_questions_about_pages_name_sentences_that_are_there() -> None:
    rows = [json.loads(line) for line in PAGES.read_text(encoding="utf-8").splitlines()]
    assert len(rows) > 500
    for row in rows:
        assert all(0 <= at < row["sentences"] for each in row["asked"] for at in each["answers"])
        assert all(each["answers"] and each["wordings"] for each in row["asked"])


def tiny_mpnet(folder: Path) -> list[str]:
    """Write an untrained MPNet with its words in another order than MiniLM's; return MiniLM's words."""
    known = json.loads((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tokens = [name for name, _ in sorted(known.items(), key=lambda each: each[1])]
    names = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>"}
    vocabulary = [names.get(name, name) for name in reversed(tokens)]
    torch.manual_seed(3)
    config = MPNetConfig(
        vocab_size=len(vocabulary),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=514,
        pad_token_id=1,
        initializer_range=0.3,
    )
    model = MPNetModel(config, add_pooling_layer=False).eval()
    folder.mkdir()
    save_file({name: each.contiguous() for name, each in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    return tokens


def test_teacher_reads_as_the_library_does(tmp_path: Path) -> None:
    tokens = tiny_mpnet(tmp_path / "mpnet")
    ours = load_mpnet_scorer(tmp_path / "mpnet", tokens, dropout=0.1).eval()
    library = MPNetModel(
        MPNetConfig.from_dict(json.loads((tmp_path / "mpnet" / "config.json").read_text())), add_pooling_layer=False
    ).eval()
    library.load_state_dict(load_file(tmp_path / "mpnet" / "model.safetensors"))
    tokenizer, _ = load_words()
    asked = question_row(tokenizer, "Where does the river run, and how long is it?")
    (row,) = passage_rows(
        tokenizer, "Rivers > North", ["The river runs through " + "the old town and " * 12, "It is long."]
    )
    pair = (np.array(asked.ids), np.array(row.ids), np.array(row.spans))
    places = {name: at for at, name in enumerate((tmp_path / "mpnet" / "vocab.txt").read_text().split("\n"))}
    renamed = {"[CLS]": "<s>", "[SEP]": "</s>"}
    ids = [places[renamed.get(tokens[n], tokens[n])] for n in (*asked.ids, *row.ids)]
    with torch.no_grad():
        ours.head.weight[0, :24] = torch.linspace(-1, 1, 24)
        ours.sharpness.zero_()
        scores = ours(pad_rows([pair, (pair[0], pair[1][:9], np.array([[1, 4]]))]))
        hidden = library(torch.tensor([ids])).last_hidden_state[0]
    cut = len(asked.ids)
    means = torch.stack([hidden[cut + start : cut + end].mean(0) for start, end in row.spans])
    assert scores[:2].tolist() == pytest.approx(_by_hand(hidden, cut, means), abs=0.05)


def _by_hand(hidden: torch.Tensor, cut: int, means: torch.Tensor) -> list[float]:
    """Return the scores of a head that weighs the product of both means alone."""
    return ((means * hidden[:cut].mean(0)) @ torch.linspace(-1, 1, 24)).tolist()


def test_student_learns_what_is_right_and_what_is_taught_and_runs_in_the_product(
    tmp_path: Path, folder: Path, pool: Pool
) -> None:
    tiny_mpnet(tmp_path / "mpnet")
    common = f"{folder / 'pool.npz'} --minilm {minilm_folder()} --max-seconds 600 --questions 8 --every 9".split()
    taught, reader, again = tmp_path / "said.npz", tmp_path / "reader", tmp_path / "again"
    teaching = f"--teacher {tmp_path / 'mpnet'} --rate 1e-3 --max-steps 2 --output {taught}"
    distil_run.main(["teach", *common, *teaching.split()])
    said = np.load(taught)["said"]
    begins = span_begins(pool)
    assert len(said) == begins[-1]
    first = begins[pool.of_near[:-1].astype(int)]
    assert all((said[first] == 0) == (pool.is_test == 1))
    learning = "--rate 3e-4 --dropout 0 --max-steps"
    distil_run.main(["learn", *common, *f"--taught {taught} {learning} 2 --output {reader}".split()])
    distil_run.main(["learn", *common, *f"--start {reader} {learning} 14 --output {again}".split()])
    kept = next(p for p in load_written(folder) if p.is_kept_out)
    scores = {
        at: CrossEncoder(at).score(kept.questions[2].wordings[0], [(kept.heading, kept.sentences)])
        for at in (reader, again)
    }
    assert scores[again][0][2] - scores[again][0][0] > scores[reader][0][2] - scores[reader][0][0] + 1
    model = load_minilm_scorer(minilm_folder()).eval()
    model.take(load_file(again / "weights.safetensors"))
    tokenizer, _ = load_words()
    question = question_row(tokenizer, kept.questions[2].wordings[0])
    (row,) = passage_rows(tokenizer, kept.heading, kept.sentences)
    with torch.no_grad():
        mine = model(pad_rows([(np.array(question.ids), np.array(row.ids), np.array(row.spans))])).tolist()
    assert scores[again][0] == pytest.approx(mine, abs=1.0)
    distil_run.main(
        ["learn", *common, *f"--start {again} --mean {reader} {learning} 1 --output {tmp_path / 'mean'}".split()]
    )
    name = "encoder.layer.2.output.dense.weight"
    weights = [load_file(at / "weights.safetensors")[name].float() for at in (reader, again, tmp_path / "mean")]
    assert torch.allclose((weights[0] + weights[1]) / 2, weights[2], atol=2e-3)


def test_a_student_follows_its_teacher_where_nothing_is_right(pool: Pool) -> None:
    model, before = load_minilm_scorer(minilm_folder()), load_minilm_scorer(minilm_folder())
    taught = np.full(int(span_begins(pool)[-1]), -3.0, dtype=np.float16)
    drawn = Drawn(pool, {WRITTEN: 1.0}, taught=taught)
    recipe = DistilRecipe(max_seconds=600, max_steps=8, questions=4, rate=3e-4, right=0.0)
    facts = train_scorer(model, drawn, recipe, progress=str)
    assert facts["steps"] == 8
    [part] = drawn.draw(Random(1), count=4).parts
    with torch.no_grad():
        assert model.eval()(part).mean() < before.eval()(part).mean() - 1


def test_a_batch_says_what_is_right_in_the_order_of_its_scores(pool: Pool) -> None:
    drawn = Drawn(pool, {WRITTEN: 1.0})
    batch = drawn.draw(Random(5), count=40)
    count = sum(len(part.spans) for part in batch.parts)
    places = batch.place[batch.place >= 0].tolist()
    assert sorted(places) == list(range(count))
    assert batch.right[:, 0].any()
    assert not batch.right[:, 0].all()
    assert batch.right.any(1).all()
    assert not batch.right[:, 1:][batch.place < 0].any()
