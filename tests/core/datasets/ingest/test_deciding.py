import pytest

from core.datasets.ingest.deciding import steps
from core.datasets.states import STATES, TRANSITIONS


@pytest.mark.parametrize("target", ["scanned", "approved", "quarantined"])
@pytest.mark.parametrize("state", STATES)
def test_every_step_exists_and_leads_to_the_target(state, target) -> None:
    at = state
    for to in steps(state, target):
        assert to in TRANSITIONS[at]
        at = to
    assert at == target or state == "indexed"


def test_a_dataset_in_use_moves_only_when_its_new_version_is_quarantined() -> None:
    assert steps("indexed", "approved") == steps("indexed", "scanned") == ()
    assert steps("indexed", "quarantined") == ("quarantined",)
