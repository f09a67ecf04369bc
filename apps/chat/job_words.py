"""A job in the words of its page: what happens now, how far it is, how long it takes, and what became of it."""

from dataclasses import dataclass

from governance.dataset_jobs import JobView
from governance.datasets import REVIEWER, Standing

STAGES = ("read", "stored", "embedded", "indexed", "published")
STAGE_WORDS = {
    "": "Starting",
    "read": "Reading the files",
    "stored": "Keeping the passages",
    "embedded": "Making the passages findable by meaning",
    "indexed": "Indexing",
    "published": "Putting it into use",
    "done": "Finishing",
}
STATE_WORDS = {
    "waiting": "Waiting for the job before it",
    "running": "Being added",
    "done": "Added",
    "failed": "Not added",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of data that was added and is not in use.

    Attributes:
        kind: Of the badge: "escalated", "refused" or "neutral".
        review: Whether a reviewer has to decide on it.
    """

    kind: str
    state: str
    reason: str
    next_step: str
    review: bool


@dataclass(frozen=True, slots=True)
class JobWords:
    """A job, described.

    Attributes:
        step: Its place among the steps, from 1; 0 before the first.
        share: 0..1 of this step; None where that is not known.
        pace: Rate and time left in words; empty where nothing was measured.
    """

    job: JobView
    state: str
    stage: str
    step: int
    share: float | None
    pace: str


def describe_job(job: JobView) -> JobWords:
    """Return a job in words."""
    return JobWords(
        job=job,
        state=STATE_WORDS[job.state],
        stage=STAGE_WORDS.get(job.stage, job.stage.capitalize()),
        step=STAGES.index(job.stage) + 1 if job.stage in STAGES else 0,
        share=job.done / job.total if job.total else None,
        pace=pace_text(job),
    )


def judge_job(job: JobView, standing: Standing | None) -> Verdict | None:
    """Return what became of a job's data; None where it is in use, or the job is not done."""
    if job.state != "done":
        return None
    if standing is None or standing.state == "retired":
        return Verdict("neutral", "No longer in use", "", "Somebody retired it. Add it again to have it back.", False)
    if (open_one := standing.waiting) is None:
        if standing.state == "indexed":
            return None
        if standing.state == "quarantined":
            return Verdict("refused", "Taken out of use by a reviewer", "", "Ask a reviewer what to change.", False)
        return Verdict("neutral", "Approved", "", "It comes into use within seconds.", False)
    older = " The version before it stays in use." if open_one.in_use else ""
    if open_one.rule == REVIEWER:
        again = "Correct the files or what you say of them, and add them again."
        return Verdict("refused", "Refused by a reviewer", open_one.reason, again + older, False)
    later = "Nothing has to be uploaded again: once a reviewer approves it, it comes into use by itself."
    if open_one.outcome == "quarantined":
        said = f"{later} Or add it again and say in the form what is in it.{older}"
        return Verdict("refused", "Quarantined until a reviewer looks at it", open_one.reason, said, True)
    return Verdict("escalated", "Waits for a reviewer", open_one.reason, later + older, True)


def pace_text(job: JobView) -> str:
    """Return how fast a running job is and how long this step still takes."""
    if job.state != "running" or job.rate is None:
        return ""
    rate = f"{job.rate:,.0f}" if job.rate >= 10 else f"{job.rate:.1f}"
    return f"{rate} a second" + (f" · about {duration_text(job.left_s)} left" if job.left_s is not None else "")


def duration_text(seconds: float) -> str:
    """Return a duration as people say it: "8 s", "3 min", "1 h 5 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
