"""The screens of datasets: find one, look into it, add one's own files and follow the job, ask about the result."""

from collections.abc import Callable
from typing import get_args

from apps.chat.badges import count
from apps.chat.dataset_list import read_listing
from apps.chat.dataset_page import read_dataset_page
from apps.chat.drawing import draw
from apps.chat.frames import Frame, Sent, View
from apps.chat.job_words import describe_job, judge_job
from apps.chat.sidebar import draw_sidebar
from apps.chat.turn_panel import short_digest
from core.config import Settings
from core.datasets.card import Category, Tier
from core.datasets.catalog import DatasetView, get_dataset
from governance.agents import AgentDraft
from governance.errors import InputError
from governance.identity import authorize, require
from governance.schema import Actor, AgentView, Resource
from governance.wiring import Workbench

Shown = Callable[[Actor, AgentView, View], Frame]
LICENCES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "ODbL-1.0", "PDDL-1.0", "MIT", "proprietary")
TIER_WORDS = {
    "public": "Public: anybody may see it",
    "internal": "Internal: all who sign in",
    "restricted": "Restricted: researchers and administrators only",
}
MAX_NAME_CHARS = 80
MAX_PURPOSE_CHARS = 600


class DatasetsScreen:
    """The handlers of the screens of datasets."""

    def __init__(self, workbench: Workbench, *, show_agent: Shown) -> None:
        self._workbench = workbench
        self._records = workbench.records
        self._show_agent = show_agent

    def datasets(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show the datasets that match what the page asks for, and the jobs that are open."""
        require(actor, "dataset.view", Resource("dataset"))
        listing = read_listing(self._records.store, sent)
        jobs = self._workbench.jobs.list(actor)
        standing = self._records.datasets.standing({job.dataset_id for job in jobs})
        latest = {job.dataset_id: job for job in reversed(jobs)}.values()
        ended = [(job, judge_job(job, standing.get(job.dataset_id))) for job in latest]
        return Frame(
            found=draw(
                "found",
                listing=listing,
                jobs=[describe_job(job) for job in jobs if job.is_open],
                unfinished=[(job, told) for job, told in ended if job.state == "failed" or (told and told.reason)],
                waiting=self._records.datasets.count_queue(actor) if _may_review(actor) else 0,
                review_url=f"{view.dashboard}datasets",
                may_add=may_add(actor),
                count=count,
            )
        )

    def dataset(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show one dataset."""
        page = read_dataset_page(self._records, actor, sent.dataset, page=sent.page)
        asks = self._agent_about(page.dataset) is not None or _may_make(actor)
        return Frame(
            dataset=draw(
                "dataset",
                page=page,
                dataset=page.dataset,
                asks=asks,
                may_add=may_add(actor),
                may_retire=authorize(actor, "dataset.remove", Resource("dataset")).allowed,
                short=short_digest,
                count=count,
                size=size_text,
            )
        )

    def job(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show how far a job is."""
        job = self._workbench.jobs.get(actor, sent.job)
        verdict = judge_job(job, self._records.datasets.standing([job.dataset_id]).get(job.dataset_id))
        dataset = None if verdict or job.state != "done" else get_dataset(self._records.store, job.dataset_id)
        review_url = f"{view.dashboard}datasets" if _may_review(actor) else ""
        drawn = draw("job", job=describe_job(job), dataset=dataset, verdict=verdict, review_url=review_url, count=count)
        return Frame(job=drawn)

    def cancel_job(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Stop a job, or give up one that failed."""
        self._workbench.jobs.cancel(actor, sent.job)
        return self.job(actor, sent, view)

    def retry_job(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Try a failed job again."""
        self._workbench.jobs.retry(actor, sent.job, skip_bad=sent.skip_bad)
        return self.job(actor, sent, view)

    def retire_dataset(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Take a dataset out of use."""
        self._records.datasets.retire(actor, sent.dataset, reason="Retired on the page of the dataset.")
        self._workbench.datasets.remove(sent.dataset)
        return self.datasets(actor, Sent(), view)

    def ask_about(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Begin a conversation with an agent that answers from this dataset; make one where there is none."""
        dataset = get_dataset(self._records.store, sent.dataset)
        agent = self._agent_about(dataset)
        if agent is None:
            if not _may_make(actor):
                raise InputError("No agent uses this dataset yet, and only builders can make one. Ask a builder.")
            agent = self._workbench.create_agent(actor, draft_about(dataset, profile=self._profile))
        frame = self._show_agent(actor, agent, view)
        sidebar = draw_sidebar(self._records, actor, agent_id=agent.id, conversation_id=None)
        return Frame(sidebar=sidebar, header=frame.header, thread=frame.thread, live="")

    @property
    def _profile(self) -> str:
        return self._workbench.native_llm.engine.info.profile

    def _agent_about(self, dataset: DatasetView) -> AgentView | None:
        """Return the agent with the fewest datasets, this one among them; None where there is none."""
        using = [agent for agent in self._records.agents.list() if dataset.id in agent.dataset_ids]
        return min(using, key=lambda agent: len(agent.dataset_ids), default=None)


def draft_about(dataset: DatasetView, *, profile: str) -> AgentDraft:
    """Return an agent that answers from one dataset."""
    return AgentDraft(
        name=f"About {dataset.title}"[:MAX_NAME_CHARS],
        purpose=f"Answers questions about {dataset.title}. {dataset.description}"[:MAX_PURPOSE_CHARS],
        profile=profile,
        used_for=next(iter(dataset.purposes), None),
        dataset_ids=(dataset.id,),
    )


def size_text(size: int) -> str:
    """Return a size as people say it: "640 bytes", "12 KB", "3.4 MB"."""
    if size < 1_000:
        return count(size, "byte")
    return f"{size / 1_000:,.0f} KB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


def may_add(actor: Actor) -> bool:
    """Say whether an actor may add data."""
    return authorize(actor, "dataset.ingest", Resource("dataset")).allowed


def draw_adding(settings: Settings) -> str:
    """Return the form that adds data."""
    return draw(
        "add_data",
        categories=get_args(Category),
        tiers=[(tier, TIER_WORDS[tier]) for tier in get_args(Tier)],
        licences=LICENCES,
        max_mb=settings.max_upload_mb,
    )


def _may_review(actor: Actor) -> bool:
    return authorize(actor, "dataset.review", Resource("dataset")).allowed


def _may_make(actor: Actor) -> bool:
    return authorize(actor, "agent.create", Resource("agent")).allowed
