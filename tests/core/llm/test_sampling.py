from collections import Counter

import pytest
import torch

from core.errors import EngineError
from core.llm.sampling import Sampler, check_config
from core.schema import GenerateConfig

CPU = torch.device("cpu")
LOGITS = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
NONE = torch.tensor([], dtype=torch.long)


def sampler(*, silent: torch.Tensor = NONE, **options: object) -> Sampler:
    return Sampler(GenerateConfig(**options), constraint=None, silent=silent, end_tokens=(0,), device=CPU)


def draw(n: int = 300, **options: object) -> Counter[int]:
    picks = sampler(temperature=1.0, **options)
    return Counter(picks.pick(LOGITS, is_spent=False) for _ in range(n))


def test_temperature_0_is_greedy() -> None:
    assert sampler().pick(LOGITS, is_spent=False) == 3


def test_sampling_follows_the_probabilities() -> None:
    counts = draw(2000)
    expected = LOGITS.softmax(-1)[0]
    assert all(abs(counts[token] / 2000 - float(expected[token])) < 0.05 for token in range(4))


def test_same_seed_draws_the_same_and_another_seed_does_not() -> None:
    one, same, other = (sampler(temperature=1.0, seed=seed) for seed in (7, 7, 8))
    runs = [[s.pick(LOGITS, is_spent=False) for _ in range(40)] for s in (one, same, other)]
    assert runs[0] == runs[1] != runs[2]


def test_negative_seed_is_a_seed() -> None:
    assert sampler(temperature=1.0, seed=-1).pick(LOGITS, is_spent=False) in range(4)


def test_top_k_and_top_p_cut_the_tail() -> None:
    assert set(draw(top_k=2)) == {2, 3}
    assert set(draw(top_p=0.5)) == {3}


def test_low_temperature_sharpens() -> None:
    cold = sampler(temperature=0.05)
    assert {cold.pick(LOGITS, is_spent=False) for _ in range(50)} == {3}


def test_silent_tokens_never_come() -> None:
    assert sampler(silent=torch.tensor([3])).pick(LOGITS, is_spent=False) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_not_finite_are_an_error(value: float) -> None:
    with pytest.raises(EngineError, match="finite"):
        sampler().pick(torch.full((1, 4), value), is_spent=False)


def test_logits_are_left_as_they_were() -> None:
    logits = LOGITS.clone()
    sampler(silent=torch.tensor([3])).pick(logits, is_spent=False)
    assert torch.equal(logits, LOGITS)


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 0},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": 11.0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_k": -1},
        {"stop": ("",)},
    ],
    ids=str,
)
def test_config_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(EngineError, match=f"{next(iter(options))} is .*expected"):
        check_config(GenerateConfig(**options))


def test_config_of_the_default_is_fine() -> None:
    check_config(GenerateConfig())
