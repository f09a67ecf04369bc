"""One dataset: what it is, what it holds, what was found in it, and who uses it."""

from dataclasses import dataclass

from apps.chat.badges import count
from apps.chat.column_words import ColumnWords, describe_columns
from apps.dataset_words import scan_sentences
from core.datasets.catalog import DatasetView, get_dataset, list_chunks
from core.datasets.profile import TableProfile
from core.datasets.quality import Quality, QualityFinding
from core.datasets.report import NOTHING, DatasetReport, read_report
from core.schema import Chunk
from governance.dataset_use import DatasetUse, measure_use
from governance.identity import authorize, require
from governance.records import Records
from governance.schema import Actor, Resource

CHUNKS = 5
USE_DAYS = 30
MAX_TABLES = 20
MAX_FINDINGS = 30


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """What the page of a dataset shows.

    Attributes:
        may_read: Whether the actor may see what it says, beside that it exists.
        chunks: A page of its passages; empty where they may not be seen.
        first: Number of the first of them, from 1.
        more: Addresses of the passages before and after; empty where there are none.
        agents: Names of the agents that use it.
        tables: Each with its columns described.
        report: What was found in it; empty where the actor may not see that.
        quality: What the quality checks say, in sentences.
        scan: What the scan says, in sentences.
        use: How often it was found and cited lately, in a sentence.
    """

    dataset: DatasetView
    may_read: bool
    chunks: tuple[Chunk, ...]
    first: int
    more: tuple[str, str]
    agents: tuple[str, ...]
    tables: tuple[tuple[TableProfile, list[ColumnWords]], ...]
    report: DatasetReport
    quality: tuple[str, ...]
    scan: tuple[str, ...]
    use: str


def read_dataset_page(records: Records, actor: Actor, dataset_id: str, *, page: int) -> DatasetPage:
    """Return what an actor sees of a dataset.

    Raises:
        DatasetError: There is none with this id.
        AccessDenied: The actor may not see datasets.
    """
    require(actor, "dataset.view", Resource("dataset", dataset_id))
    dataset = get_dataset(records.store, dataset_id)
    may_read = dataset.tier != "restricted" or _may_use_restricted(actor)
    report = read_report(records.store, dataset_id) if may_read else NOTHING
    use = measure_use(records.store, records.metrics.turns(agent_id=None, days=USE_DAYS), dataset_id)
    start = (page - 1) * CHUNKS
    chunks = list_chunks(records.store, dataset_id, offset=start, limit=CHUNKS) if may_read else []
    return DatasetPage(
        dataset=dataset,
        may_read=may_read,
        chunks=tuple(chunks),
        first=start + 1,
        more=(
            f"#dataset/{dataset_id}?page={page - 1}" if page > 1 else "",
            f"#dataset/{dataset_id}?page={page + 1}" if may_read and start + CHUNKS < dataset.chunks else "",
        ),
        agents=use.agents,
        tables=tuple((table, describe_columns(table, report.columns)) for table in report.tables[:MAX_TABLES]),
        report=report,
        quality=tuple(quality_sentences(report.quality)) if report.quality else (),
        scan=tuple(scan_sentences(report.scan)) if may_read else (),
        use=use_sentence(use),
    )


def use_sentence(use: DatasetUse) -> str:
    """Return how often a dataset was found and cited in the last days."""
    if not use.cited.n:
        return f"Not found by any question in the last {USE_DAYS} days"
    found, cited = count(use.cited.n, "question"), count(use.cited.n - len(use.cited.failures), "answer")
    bad = f"; {len(use.complained.failures):,} of {use.complained.n:,} judged complained of" if use.complained.n else ""
    return f"Found by {found} and cited by {cited} in the last {USE_DAYS} days{bad}"


def quality_sentences(quality: Quality) -> list[str]:
    """Return what the checks found, the most frequent first, each with where; or that they found nothing."""
    found = sorted(quality.findings, key=lambda each: -each.count)
    sentences = [_quality_sentence(each) for each in found[:MAX_FINDINGS]]
    left = len(found) - len(sentences)
    return [*sentences, *([f"And {left:,} more."] if left else [])] or ["The checks found nothing to look at."]


def _quality_sentence(finding: QualityFinding) -> str:
    where = " › ".join(each for each in (finding.table, finding.column) if each)
    places = f" See {', '.join(place.rstrip('.') for place in finding.places[:3])}." if finding.places else ""
    return f"{where}: {finding.sentence}{places}" if where else f"{finding.sentence}{places}"


def _may_use_restricted(actor: Actor) -> bool:
    return authorize(actor, "dataset.use_restricted", Resource("dataset")).allowed
