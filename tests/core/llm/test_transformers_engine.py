import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.errors import EngineError, ModelError, PermitRefused
from core.llm import ModelProfile, PermitOffice, transformers_engine
from core.llm.transformers_engine import TransformersEngine
from core.llm.weights import digest_files
from core.schema import Delta, Evidence, Finish, GenerateRequest

SENTENCES = ("Meals are paid up to 60 USD a day.", "Taxis are not.", "He said “go” [2].", "価格 | 1,200 🙂")


def load(folder: Path, office: PermitOffice, **options: object) -> TransformersEngine:
    keys = ("adapters", "context_tokens", "quantization", "dtype")
    fields = {key: options.pop(key) for key in keys if key in options}
    profile = ModelProfile(name="tiny", model=str(folder), **fields)
    return TransformersEngine(profile, office=office, device="cpu", **options)


@pytest.fixture
def engine(tiny_model: Path, office: PermitOffice) -> TransformersEngine:
    return load(tiny_model, office)


def reference(folder: Path, text: str, *, n: int) -> str:
    """What transformers' own greedy search says."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    silent = [0, 1, 2, *range(len(tokenizer), 512)]
    output = model.generate(**inputs, max_new_tokens=n, do_sample=False, suppress_tokens=silent)
    written = output[0, inputs["input_ids"].shape[1] :]
    return tokenizer.decode(written, skip_special_tokens=True).rstrip("\ufffd")


@pytest.mark.parametrize("text", ["Hello", "What do meals cost?", "価格"])
def test_greedy_answer_is_that_of_transformers(tiny_model: Path, engine, request_of, answer_of, text: str) -> None:
    answer, finish = answer_of(engine, request_of(text, max_tokens=40))
    assert answer.rstrip("\ufffd") == reference(tiny_model, text, n=40)
    assert answer
    assert finish.output_tokens <= 40


def test_same_seed_gives_the_same_answer_and_another_does_not(engine, request_of, answer_of) -> None:
    answers = [
        answer_of(engine, request_of("Hi", max_tokens=30, temperature=1.5, seed=seed))[0] for seed in (1, 1, 2, 3)
    ]
    assert answers[0] == answers[1]
    assert len(set(answers)) == 3


def test_answer_stops_at_max_tokens(engine, request_of, answer_of) -> None:
    _, finish = answer_of(engine, request_of("Hi", max_tokens=5))
    assert (finish.reason, finish.output_tokens) == ("length", 5)


def test_answer_stops_where_the_model_ends(engine, request_of, answer_of) -> None:
    finishes = [answer_of(engine, request_of("Hi", max_tokens=200, temperature=1.5, seed=s))[1] for s in range(6)]
    ended = [finish for finish in finishes if finish.reason == "stop"]
    assert ended
    assert all(finish.output_tokens < 200 for finish in ended)


def test_answer_stops_before_a_stop_string(engine, request_of, answer_of) -> None:
    whole, _ = answer_of(engine, request_of("Hi", max_tokens=30))
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    answer, finish = answer_of(engine, request_of("Hi", max_tokens=30, stop=(stop,)))
    assert answer == whole[: whole.index(stop)]
    assert finish.reason == "stop"
    assert finish.output_tokens < 30


def test_input_tokens_are_those_of_the_template(tiny_model: Path, engine, request_of, answer_of) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model, local_files_only=True)
    expected = len(tokenizer("<|user|>\nHi there<|end|>\n<|assistant|>\n").input_ids)
    assert answer_of(engine, request_of("Hi there", max_tokens=1))[1].input_tokens == expected


def test_engine_refuses_without_a_good_permit(engine, office: PermitOffice, request_of, answer_of) -> None:
    request, other = request_of("Hi", max_tokens=2), request_of("Other", max_tokens=2)
    permit = office.issue(request.digest(), turn_id="t")
    for bad_request, bad_permit in ((request, None), (other, permit)):
        with pytest.raises(PermitRefused):
            engine.generate(bad_request, permit=bad_permit)
    list(engine.generate(request, permit=permit))
    with pytest.raises(PermitRefused, match="reused"):
        engine.generate(request, permit=permit)


def start(engine, office: PermitOffice, request: GenerateRequest):
    return engine.generate(request, permit=office.issue(request.digest(), turn_id="t"))


def test_long_prompt_is_read_by_several_threads_and_each_token_written_by_one(
    engine, request_of, answer_of, monkeypatch
) -> None:
    monkeypatch.setattr(transformers_engine, "_CORES", 2)
    seen: list[tuple[int, int]] = []
    model = engine._switch.model
    hook = model.register_forward_pre_hook(
        lambda _, __, given: seen.append((given["input_ids"].shape[1], torch.get_num_threads())), with_kwargs=True
    )
    try:
        answer_of(engine, request_of("How much? " * 40, max_tokens=2))
    finally:
        hook.remove()
        torch.set_num_threads(1)
    (read, threads), *steps = seen
    assert read >= 256
    assert threads == 2
    assert steps
    assert all(threads == 1 for _, threads in steps)


def test_closing_the_iterator_frees_the_slot(tiny_model: Path, office: PermitOffice, request_of, answer_of) -> None:
    engine = load(tiny_model, office, queue_timeout_s=0.05)
    running = start(engine, office, request_of("Hi", max_tokens=300))
    assert isinstance(next(running), Delta)
    with pytest.raises(EngineError, match=r"busy.*0\.05 s"):
        answer_of(engine, request_of("Hi", max_tokens=1))
    running.close()
    assert answer_of(engine, request_of("Hi", max_tokens=1))[1].output_tokens == 1


def test_iterator_that_was_never_started_holds_no_slot(tiny_model, office, request_of, answer_of) -> None:
    engine = load(tiny_model, office, queue_timeout_s=0.05)
    waiting = start(engine, office, request_of("Hi", max_tokens=3))
    assert answer_of(engine, request_of("Hi", max_tokens=1))
    assert isinstance(list(waiting)[-1], Finish)


def test_slots_answer_at_the_same_time_as_they_do_alone(tiny_model, office, request_of, answer_of) -> None:
    engine = load(tiny_model, office, slots=3)
    requests = [request_of(text, max_tokens=40, temperature=1.0, seed=3) for text in ("one", "two", "three")]
    alone = [answer_of(engine, request) for request in requests]
    together: list[object] = [None] * 3
    gate = threading.Barrier(3)

    def run(index: int) -> None:
        gate.wait()
        together[index] = answer_of(engine, requests[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_failed_generation_is_an_engine_error_and_frees_the_slot(tiny_model, office, request_of, answer_of) -> None:
    engine = load(tiny_model, office, queue_timeout_s=0.05)
    weight = engine._switch.model.lm_head.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(float("nan"))
    with pytest.raises(EngineError, match="finite"):
        answer_of(engine, request_of("Hi"))
    weight.data = torch.zeros(3, 3)
    with pytest.raises(EngineError, match="Generation failed") as caught:
        answer_of(engine, request_of("Hi"))
    assert caught.value.__cause__ is not None
    weight.data = kept
    assert answer_of(engine, request_of("Hi", max_tokens=2))[1].output_tokens == 2


def test_oldest_turns_are_trimmed_and_counted(engine, request_of, answer_of) -> None:
    turns = [f"turn {index} " + "x" * 60 for index in range(20)]
    _, finish = answer_of(engine, request_of(*turns, "last", system="Be kind.", max_tokens=64))
    assert finish.trimmed_messages > 0
    assert finish.trimmed_messages % 2 == 0
    assert finish.input_tokens + 64 <= engine.info.context_tokens


def test_message_larger_than_the_context_is_an_engine_error(engine, request_of, answer_of) -> None:
    with pytest.raises(EngineError, match=r"too long.*context holds 512"):
        answer_of(engine, request_of("x y " * 400))


def test_profile_can_make_the_context_smaller(tiny_model, office, request_of, answer_of) -> None:
    engine = load(tiny_model, office, context_tokens=128)
    assert engine.info.context_tokens == 128
    with pytest.raises(EngineError, match="context holds 128"):
        answer_of(engine, request_of("x y " * 60))


def test_senseless_request_is_refused(engine, request_of, answer_of) -> None:
    with pytest.raises(EngineError, match="temperature"):
        answer_of(engine, request_of("Hi", temperature=-1))
    with pytest.raises(ModelError, match="no adapter 'brief'"):
        answer_of(engine, request_of("Hi", adapter="brief"))


def read_quotations(text: str, evidence: tuple[Evidence, ...]) -> list[str]:
    quoted, at = [], 0
    while at < len(text):
        assert text[at] != "”"
        if text[at] == "“":
            fits = [
                f"{sentence}” [{item.number}]"
                for item in evidence
                for sentence in item.sentences
                if text.startswith(f"{sentence}” [{item.number}]", at + 1)
            ]
            assert fits, text[at:]
            quoted.append(min(fits, key=len))
            at += len(quoted[-1])
        else:
            assert not re.match(r"\[[0-9]", text[at:]), text[at:]
        at += 1
    return quoted


@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("max_tokens", [1, 20, 120])
def test_random_model_quotes_only_verbatim_units(
    engine, request_of, answer_of, evidence_of, temperature: float, max_tokens: int
) -> None:
    evidence = (evidence_of(1, *SENTENCES[:2], scores=(0.9, 0.2)), evidence_of(2, *SENTENCES[2:], scores=(0.8, 0.8)))
    for seed in range(4):
        request = request_of(
            "Meals?", evidence=evidence, quoting="always", temperature=temperature, max_tokens=max_tokens, seed=seed
        )
        answer, finish = answer_of(engine, request)
        assert read_quotations(answer, evidence)
        assert finish.output_tokens <= max_tokens + 80


def test_scores_choose_what_is_quoted(engine, request_of, answer_of, evidence_of) -> None:
    for best in range(len(SENTENCES)):
        scores = tuple(0.9 if index == best else 0.2 for index in range(len(SENTENCES)))
        evidence = (evidence_of(1, *SENTENCES, scores=scores),)
        answer, _ = answer_of(engine, request_of("Q?", evidence=evidence, quoting="always", max_tokens=1))
        assert f"“{SENTENCES[best]}” [1]" in answer


def test_answer_without_quoting_may_say_anything(engine, request_of, answer_of, evidence_of) -> None:
    free = answer_of(engine, request_of("Hi", max_tokens=20))
    assert answer_of(engine, request_of("Hi", max_tokens=20, evidence=(evidence_of(1, "A b."),))) == free


def test_stop_string_inside_a_quotation_does_not_cut_it(engine, request_of, answer_of, evidence_of) -> None:
    evidence = (evidence_of(1, "A. B. C."),)
    request = request_of("Hi", evidence=evidence, quoting="always", max_tokens=1, stop=("B.",))
    assert "“A. B. C.” [1]" in answer_of(engine, request)[0]


def test_what_was_held_back_comes_at_the_end(engine, request_of, answer_of) -> None:
    whole, _ = answer_of(engine, request_of("Hi", max_tokens=12))
    begun = whole[-1] + "never comes"
    assert answer_of(engine, request_of("Hi", max_tokens=12, stop=(begun,)))[0] == whole


@pytest.mark.parametrize("context", [128, 160, 200])
def test_quotation_is_finished_within_a_small_context(
    tiny_model: Path, office: PermitOffice, request_of, answer_of, evidence_of, context: int
) -> None:
    engine = load(tiny_model, office, context_tokens=context)
    evidence = (evidence_of(1, "The agent answers from the evidence alone. " * 2),)
    for seed in range(5):
        request = request_of("Hi", evidence=evidence, quoting="always", temperature=3.0, max_tokens=context, seed=seed)
        answer, finish = answer_of(engine, request)
        assert read_quotations(answer, evidence)
        assert finish.input_tokens + finish.output_tokens <= context


def test_evidence_with_scores_that_do_not_fit_is_an_engine_error(engine, request_of, answer_of, evidence_of) -> None:
    with pytest.raises(EngineError, match="Generation failed"):
        answer_of(engine, request_of("Hi", evidence=(evidence_of(1, "A.", scores=(0.1, 0.2)),), quoting="always"))


def test_info_says_what_runs(tiny_model: Path, engine) -> None:
    info = engine.info
    assert (info.profile, info.name, info.revision, info.dtype, info.device) == (
        "tiny",
        tiny_model.name,
        "local",
        "float32",
        "cpu",
    )
    assert info.weights_digest == digest_files([tiny_model / "model.safetensors"])
    assert info.parameters == sum(p.numel() for p in engine._switch.model.parameters())


def test_info_follows_a_change_of_one_byte(tiny_model: Path, tmp_path: Path, office, engine) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("\n", "\n\n", 1))
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    other = load(folder, office).info
    assert other.weights_digest != engine.info.weights_digest
    assert other.tokenizer_digest != engine.info.tokenizer_digest


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_adapter_is_chosen_per_request(tiny_model, tmp_path, office, request_of, answer_of, engine) -> None:
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    base = AutoModelForCausalLM.from_pretrained(tiny_model, local_files_only=True)
    get_peft_model(base, config).save_pretrained(tmp_path / "brief")
    adapted = load(tiny_model, office, adapters={"brief": str(tmp_path / "brief")}, slots=2)
    bare = answer_of(engine, request_of("Hi", max_tokens=30))
    assert answer_of(adapted, request_of("Hi", max_tokens=30)) == bare
    brief = answer_of(adapted, request_of("Hi", max_tokens=30, adapter="brief"))
    assert brief != bare
    assert list(adapted.info.adapters) == ["brief"]
    assert adapted.info.adapters["brief"].startswith("sha256:")
    requests = [request_of("Hi", max_tokens=30, adapter=name) for name in ("brief", None)]
    mixed = [[], []]
    runs = [start(adapted, office, request) for request in requests]
    for _ in range(31):
        for events, run in zip(mixed, runs, strict=True):
            events.extend([event] if (event := next(run, None)) else [])
    texts = ["".join(event.text for event in events[:-1]) for events in mixed]
    assert texts == [brief[0], bare[0]]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def drop_tensor(model: Path) -> None:
    tensors = load_file(model / "model.safetensors")
    tensors.pop("model.norm.weight")
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})


def edit_config(model: Path, **changes: object) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing tensor": (drop_tensor, r"lack model\.norm\.weight"),
    "other shape": (lambda m: edit_config(m, hidden_size=64), "can't be loaded"),
    "unknown architecture": (lambda m: edit_config(m, model_type="nonesuch"), "can't be loaded"),
    "small vocabulary": (lambda m: edit_config(m, vocab_size=100), "can't be loaded|don't belong"),
    "no template": (lambda m: (m / "chat_template.jinja").unlink(), "no chat template"),
    "bad tokenizer": (lambda m: (m / "tokenizer.json").write_text('{"version": "9"}'), "tokenizer in .* can't be"),
    "truncated": (lambda m: (m / "model.safetensors").write_bytes(b"\0" * 12), "promethios doctor"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_model_does_not_load(
    model: Path, office: PermitOffice, damage: Callable[[Path], object], message: str
) -> None:
    damage(model)
    with pytest.raises(ModelError, match=message):
        load(model, office)


@pytest.mark.parametrize("device", ["cuda:77", "toaster", ""])
def test_device_that_can_not_be_used_is_a_model_error(tiny_model: Path, office: PermitOffice, device: str) -> None:
    with pytest.raises(ModelError, match="device"):
        TransformersEngine(ModelProfile(name="tiny", model=str(tiny_model)), office=office, device=device)


@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_quantization_without_its_package_says_what_to_install(tiny_model, office, quantization: str) -> None:
    with pytest.raises(ModelError, match="install bitsandbytes"):
        load(tiny_model, office, quantization=quantization)


def test_weights_load_in_the_dtype_of_the_profile(tiny_model, office, request_of, answer_of) -> None:
    engine = load(tiny_model, office, dtype="bfloat16")
    assert engine.info.dtype == "bfloat16"
    assert answer_of(engine, request_of("Hi", max_tokens=3))[1].output_tokens == 3
