import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from core.errors import ModelError
from core.llm.adapters import AdapterSwitch, read_note

# PEFT 0.21 asks for an attribute that transformers 5.23 calls by another name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

TOKENS = torch.tensor([[4, 5, 6, 7]])


def load(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()


def save_adapter(
    model_folder: Path, folder: Path, *, seed: int, targets: tuple[str, ...] = ("q_proj", "v_proj")
) -> Path:
    """A LoRA adapter whose weights are not nought, so that it changes what the model computes."""
    torch.manual_seed(seed)
    config = LoraConfig(r=4, target_modules=list(targets), init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(load(model_folder), config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("adapters")
    targets = {"brief": ("q_proj", "v_proj"), "formal": ("k_proj", "down_proj")}
    return {
        name: save_adapter(tiny_model, root / name, seed=seed, targets=modules)
        for seed, (name, modules) in enumerate(targets.items(), start=1)
    }


@torch.inference_mode()
def logits(switch: AdapterSwitch, name: str | None) -> torch.Tensor:
    switch.choose(name)
    return switch.model(input_ids=TOKENS).logits


def test_a_note_is_the_first_sentence_of_the_card(tmp_path: Path) -> None:
    assert read_note(tmp_path) == ""
    (tmp_path / "README.md").write_text("---\nx: y. z\n---\n# Adapter `a.b`\n\nWrites 1.5 lines. It is new.\n")
    assert read_note(tmp_path) == "Writes 1.5 lines."


def test_adapters_change_the_model_and_off_is_the_bare_model(tiny_model: Path, adapters: dict[str, Path]) -> None:
    bare = logits(AdapterSwitch(load(tiny_model), {}), None)
    switch = AdapterSwitch(load(tiny_model), adapters)
    assert torch.equal(logits(switch, None), bare)
    brief, formal = logits(switch, "brief"), logits(switch, "formal")
    assert not torch.allclose(brief, bare, atol=1e-3)
    assert not torch.allclose(brief, formal, atol=1e-3)
    assert torch.equal(logits(switch, None), bare)
    assert torch.equal(logits(switch, "brief"), brief)


@pytest.mark.parametrize("name", ["brief", "formal"])
def test_adapter_beside_others_computes_as_it_does_alone(
    tiny_model: Path, adapters: dict[str, Path], name: str
) -> None:
    alone = AdapterSwitch(load(tiny_model), {name: adapters[name]})
    assert torch.equal(logits(AdapterSwitch(load(tiny_model), adapters), name), logits(alone, name))


def test_unknown_adapter_error_lists_what_exists(tiny_model: Path, adapters: dict[str, Path]) -> None:
    switch = AdapterSwitch(load(tiny_model), adapters)
    switch.check_name("brief")
    switch.check_name(None)
    with pytest.raises(ModelError, match=r"'terse'.*brief, formal"):
        switch.check_name("terse")
    with pytest.raises(ModelError, match="there are: none"):
        AdapterSwitch(load(tiny_model), {}).check_name("brief")


@pytest.fixture
def adapter(adapters: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(adapters["brief"], tmp_path / "brief"))


def test_adapter_of_another_kind_is_refused(tiny_model: Path, adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"peft_type": "IA3"}))
    with pytest.raises(ModelError, match="'IA3'; only LORA"):
        AdapterSwitch(load(tiny_model), {"brief": adapter})


def test_adapter_with_pickled_weights_only_is_refused(tiny_model: Path, adapter: Path) -> None:
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors are missing"):
        AdapterSwitch(load(tiny_model), {"brief": adapter})


def test_truncated_adapter_is_refused(tiny_model: Path, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelError, match="truncated"):
        AdapterSwitch(load(tiny_model), {"brief": adapter})


def test_adapter_that_lacks_a_tensor_is_refused(tiny_model: Path, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    tensors.pop(min(tensors))
    save_file(tensors, path)
    with pytest.warns(UserWarning, match="missing adapter keys"), pytest.raises(ModelError, match="no partner"):
        AdapterSwitch(load(tiny_model), {"brief": adapter})


def test_adapter_of_another_shape_is_refused(tiny_model: Path, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    save_file({name: torch.zeros(3, 3) for name in load_file(path)}, path)
    with pytest.raises(ModelError, match="does not fit"):
        AdapterSwitch(load(tiny_model), {"brief": adapter})
