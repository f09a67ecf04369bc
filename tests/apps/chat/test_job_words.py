from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.chat.job_words import describe_job, duration_text
from governance.dataset_jobs import JobView

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
