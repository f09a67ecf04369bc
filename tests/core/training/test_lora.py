from datetime import UTC, datetime

import pytest
from safetensors.torch import load_file

from core.errors import TrainingError
from core.llm.permits import PermitOffice
from core.llm.profiles import ModelProfile
from core.llm.transformers_engine import TransformersEngine
from core.schema import Delta, GenerateConfig, GenerateRequest, Message
from core.training.lora import AdapterConfig, Example, train_adapter
from core.training.starter_data import build_conversation
from core.training.starter_export import TrainingRecord, export_model
from core.training.starter_model import build_model
from core.training.starter_tokenizer import build_tokenizer, render_chat

# PEFT 0.21 reads an attribute that transformers 5.23 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

ASKED = (Message("user", "hello"),)
EXAMPLES = [Example(ASKED, "Ahoy.")]
FAST = AdapterConfig(epochs=60, learning_rate=0.1, target_modules=("q_proj", "v_proj", "gate_proj", "down_proj"))


@pytest.fixture(scope="module")
def profile(sources, tiny_recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    turns = (build_conversation(sources, seed=1, index=i) for i in range(40))
    tokenizer = build_tokenizer((render_chat(t.messages) for t in turns), vocabulary=tiny_recipe.shape.vocabulary)
    model = build_model(tiny_recipe.shape, seed=1, pad=0, end=1)
    export_model(model, tokenizer, folder, record=TrainingRecord({}, "cpu", 0, 0, 0.0, []))
    return ModelProfile(name="tiny", model=str(folder), dtype="float32")


def _answer(profile, adapter):
    office = PermitOffice(60, clock=lambda: datetime.now(UTC))
    engine = TransformersEngine(profile, office=office, device="cpu")
    request = GenerateRequest(ASKED, GenerateConfig(max_tokens=8), adapter=adapter)
    permit = office.issue(request.digest(), turn_id="t")
    return "".join(e.text for e in engine.generate(request, permit=permit) if isinstance(e, Delta))


def test_adapter_teaches_and_the_bare_model_stays(profile, tmp_path):
    losses = []
    folder = train_adapter(
        profile, EXAMPLES, tmp_path / "ahoy", config=FAST, device="cpu", progress=lambda _, loss: losses.append(loss)
    )
    assert losses[-1] < losses[0] - 0.4
    weights = load_file(folder / "adapter_model.safetensors")
    assert all(8 in tensor.shape for tensor in weights.values())
    with_adapter = profile.model_copy(update={"adapters": {"ahoy": str(folder)}})
    assert _answer(with_adapter, None) == _answer(profile, None) != _answer(with_adapter, "ahoy")


def test_the_same_seed_gives_the_same_adapter(profile, tmp_path):
    config = AdapterConfig(epochs=2)
    one, two = (train_adapter(profile, EXAMPLES, tmp_path / n, config=config, device="cpu") for n in ("one", "two"))
    name = "adapter_model.safetensors"
    assert (one / name).read_bytes() == (two / name).read_bytes()


def test_nothing_to_learn_from_is_refused(profile, tmp_path):
    with pytest.raises(TrainingError, match="needs examples"):
        train_adapter(profile, [], tmp_path / "none", device="cpu")


def test_an_existing_output_is_never_overwritten(profile, tmp_path):
    with pytest.raises(TrainingError, match="which exists"):
        train_adapter(profile, EXAMPLES, tmp_path, device="cpu")


def test_a_long_example_is_named(profile, tmp_path):
    long = [*EXAMPLES, Example(ASKED, "word " * 400)]
    with pytest.raises(TrainingError, match="Example 2 has"):
        train_adapter(profile, long, tmp_path / "long", config=AdapterConfig(max_tokens=100), device="cpu")


def test_modules_that_the_model_lacks_are_refused(profile, tmp_path):
    with pytest.raises(TrainingError, match="does not fit"):
        train_adapter(profile, EXAMPLES, tmp_path / "x", config=AdapterConfig(target_modules=("c_attn",)), device="cpu")
