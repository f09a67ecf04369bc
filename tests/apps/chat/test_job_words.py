from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.chat.job_words import describe_job, duration_text, judge_job
from core.datasets.states import State
from governance.dataset_jobs import JobView
from governance.datasets import REVIEWER, Standing, WaitingDataset

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RUNNING = JobView(
    id="j",
    user_id="u",
    dataset_id="boats",
    title="Boats",
    state="running",
    stage="embedded",
    done=50,
    total=200,
    rate=2.5,
    left_s=60.0,
    problems=(),
    problem_count=0,
    reason="",
    created_at=NOW,
    updated_at=NOW,
)


def test_a_running_job_says_its_step_rate_and_time_left() -> None:
    words = describe_job(RUNNING)
    assert (words.share, words.pace) == (0.25, "2.5 a second · about 60 s left")
    assert words.step > 0


def test_what_is_not_known_is_not_said() -> None:
    assert describe_job(replace(RUNNING, rate=None, left_s=None)).pace == ""
    assert describe_job(replace(RUNNING, total=0)).share is None
    assert describe_job(replace(RUNNING, state="done")).pace == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (150, "2 min"), (5399, "1 h 30 min"), (7500, "2 h 5 min")]
)
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


DONE = replace(RUNNING, state="done")
WAITING = WaitingDataset(
    "boats", "Boats", "internal", "unknown", "sha256:1", "waits", "It holds 40 names.", "personal-data", None, False
)


def test_nothing_is_said_of_data_in_use_or_of_a_job_that_is_not_done() -> None:
    assert judge_job(DONE, Standing("indexed", None)) is None
    assert judge_job(RUNNING, Standing("registered", None)) is None


@pytest.mark.parametrize(
    ("waiting", "said", "is_for_reviewers"),
    [
        (WAITING, "Waits for a reviewer", True),
        (replace(WAITING, outcome="quarantined"), "Quarantined until a reviewer looks at it", True),
        (replace(WAITING, outcome="quarantined", rule=REVIEWER), "Refused by a reviewer", False),
    ],
    ids=["waits", "quarantined", "refused"],
)
def test_what_is_not_in_use_says_why_and_what_comes_next(
    waiting: WaitingDataset, said: str, is_for_reviewers: bool
) -> None:
    found = judge_job(DONE, Standing("scanned", waiting))
    assert found is not None
    assert (found.state, found.reason, found.review) == (said, "It holds 40 names.", is_for_reviewers)
    assert "stays in use" not in found.next_step
    newer = judge_job(DONE, Standing("indexed", replace(waiting, in_use=True)))
    assert newer is not None
    assert newer.next_step == f"{found.next_step} The version before it stays in use."


@pytest.mark.parametrize(
    ("state", "said"),
    [("approved", "Approved"), ("quarantined", "Taken out of use by a reviewer"), ("retired", "No longer in use")],
)
def test_what_a_person_decided_is_told(state: State, said: str) -> None:
    found = judge_job(DONE, Standing(state, None))
    assert found is not None
    assert (found.state, found.review) == (said, False)
    assert found.next_step.endswith(".")
