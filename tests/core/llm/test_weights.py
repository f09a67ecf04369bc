import json
import pickle
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from core.errors import ModelError
from core.llm import ModelProfile
from core.llm.weights import check_model, digest_files, locate_model, tokenizer_files, weight_files


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def truncate(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def shard(model: Path) -> None:
    """Name the only file a shard among two, of which the other is missing."""
    (model / "model.safetensors").rename(model / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


def only_pickle(model: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))


def empty_index(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text("{}")


def outside(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../model.safetensors"}}')
    shutil.copy(model / "model.safetensors", model.parent)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "does not exist"),
    "no config": (lambda m: (m / "config.json").unlink(), "config.json is missing"),
    "bad config": (lambda m: (m / "config.json").write_text("{"), "config.json is not readable JSON"),
    "config of bytes": (lambda m: (m / "config.json").write_bytes(b"\xff\xfe"), "not readable JSON"),
    "config is a list": (lambda m: (m / "config.json").write_text("[]"), "holds a list"),
    "remote code": (lambda m: edit_json(m / "config.json", auto_map={"AutoModel": "x.Y"}), "auto_map"),
    "remote tokenizer": (lambda m: edit_json(m / "tokenizer_config.json", auto_map={}), "auto_map"),
    "no tokenizer": (lambda m: (m / "tokenizer.json").unlink(), "tokenizer.json is missing"),
    "no weights": (lambda m: (m / "model.safetensors").unlink(), "model.safetensors is missing"),
    "pickle only": (only_pickle, "pytorch_model.bin but no safetensors"),
    "empty weights": (lambda m: truncate(m / "model.safetensors", 0), "corrupt or truncated"),
    "half a header": (lambda m: truncate(m / "model.safetensors", 20), "corrupt or truncated"),
    "half the data": (lambda m: truncate(m / "model.safetensors", 9000), "corrupt or truncated"),
    "bad header": (lambda m: (m / "model.safetensors").write_bytes(b"\xff" * 4000), "corrupt or truncated"),
    "no tensor": (lambda m: (m / "model.safetensors").write_bytes(b"\x02" + b"\0" * 7 + b"{}"), "no tensor"),
    "missing shard": (shard, "model-2.safetensors, named in model.safetensors.index.json, are missing"),
    "empty index": (empty_index, "no weight_map"),
    "shard elsewhere": (outside, "are missing"),
}


@pytest.mark.parametrize(("damage", "message"), BROKEN.values(), ids=BROKEN)
def test_damaged_model_is_refused_by_the_name_of_its_file(
    model: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(model)
    with pytest.raises(ModelError, match=message):
        check_model(model)


def test_sound_model_passes(model: Path) -> None:
    check_model(model)
    assert weight_files(model) == [model / "model.safetensors"]


def test_sharded_model_passes_with_files_in_name_order(model: Path) -> None:
    shutil.copy(model / "model.safetensors", model / "model-2.safetensors")
    shard(model)
    check_model(model)
    assert [path.name for path in weight_files(model)] == ["model-1.safetensors", "model-2.safetensors"]


def test_digest_is_sha256_of_the_bytes_in_name_order(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"2" * 3_000_000)
    (tmp_path / "a").write_bytes(b"1")
    expected = "sha256:" + sha256(b"1" + b"2" * 3_000_000).hexdigest()
    assert digest_files([tmp_path / "b", tmp_path / "a"]) == expected


def test_tokenizer_files_are_those_that_exist(model: Path) -> None:
    assert [path.name for path in tokenizer_files(model)] == [
        "chat_template.jinja",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_local_profile_is_where_it_says(model: Path) -> None:
    assert locate_model(ModelProfile(name="m", model=str(model)), offline=True) == model


def test_hub_profile_offline_and_not_fetched_is_refused_with_what_to_do() -> None:
    profile = ModelProfile(name="m", model="nobody/nothing-here", revision="main")
    with pytest.raises(ModelError, match=r"nobody/nothing-here at main is not on this machine.*offline"):
        locate_model(profile, offline=True)
