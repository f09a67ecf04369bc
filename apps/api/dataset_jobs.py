"""Adding data over HTTP: files and their card in one request, and the job that takes them in."""

from collections.abc import Callable, Coroutine
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response, UploadFile
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, ErrorAnswer, not_found_if_unknown
from core.config import Settings
from core.datasets.card import Category, DatasetCard, LegalBasis, Tier, id_of, slug_of
from core.datasets.ingest.download import Download, download, limits_of
from core.errors import DatasetError
from governance.dataset_jobs import JobView
from governance.dataset_uploads import Upload
from governance.errors import InputError
from governance.identity import require
from governance.schema import Actor, Resource

HIGHEST_MB = 65_536  # of the setting max_upload_mb
FIELD_WORDS = {
    "id": "The title",
    "labels": "The labels",
    "purposes": "The purposes",
    "licence": "The licence",
    "valid_from": "The first day",
    "valid_until": "The last day",
    "card": "The days",
}
NAMED_FILES = 5
TOO_LARGE: dict[int | str, dict[str, object]] = {
    413: {"model": ErrorAnswer, "description": "The files are larger than the setting max_upload_mb allows"}
}


class NewDataset(BaseModel):
    """Files and what they are. Fields that are left out get a careful value: licence unknown, tier internal.

    Attributes:
        files: With the paths of their folder as names; ZIP files are opened.
        address: Of a file or ZIP on the web, http or https, to fetch; empty for none.
        renew: The id of the dataset that these files are a newer version of; empty for a new one.
        purposes: What it may be used for, in words joined by hyphens and parted by commas; none means every purpose.
        valid_from: The first day that it holds for, such as 2026-01-31; empty for no such day.
        valid_until: The last day; it is left out of searches afterwards.
        personal: Whether there is personal data in it, which its labels then say.
        skip_bad: Leave out and report what can't be read, instead of refusing all.
    """

    model_config = ConfigDict(extra="forbid")

    files: list[UploadFile] = []
    address: Annotated[str, Field(max_length=2_000)] = ""
    title: str = ""
    renew: str = ""
    description: str = ""
    category: Category = "General Knowledge"
    licence: str = "unknown"
    source: str = ""
    tier: Tier = "internal"
    owner: str = ""
    purposes: str = ""
    jurisdiction: str = ""
    legal_basis: LegalBasis | None = None
    valid_from: str = ""
    valid_until: str = ""
    personal: bool = False
    skip_bad: bool = False


class Retrying(BaseModel):
    """How to try a failed job again."""

    model_config = ConfigDict(extra="forbid")

    skip_bad: bool = False


def build_router(*, max_upload_mb: int) -> APIRouter:
    """Return the addresses; one upload is as large as the setting allows."""

    class Bounded(APIRoute):
        """Refuses a body that is too large in the API's words, before any of it is read."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def bounded(request: Request) -> Response:
                _check_size(request, max_upload_mb=max_upload_mb)
                return await handle(request)

            return bounded

    router = APIRouter(prefix="/datasets", tags=["datasets"], responses=DOCUMENTED, route_class=Bounded)

    @router.post("", status_code=202, responses=TOO_LARGE, max_body_size=HIGHEST_MB << 20)
    def add_dataset(
        new: Annotated[NewDataset, Form(media_type="multipart/form-data")], actor: Acting, bench: Bench
    ) -> JobView:
        """Take files in as a dataset, or as a newer version of one; the job that answers says how far it is."""
        require(actor, "dataset.ingest", Resource("dataset"))
        upload = bench.jobs.begin(actor)
        try:
            fetched = _fetch(new.address.strip(), upload, bench.records.settings)
            card = card_of(new, actor, fetched=fetched)
            for each in new.files:
                upload.add(each.filename or "", each.file)
            return bench.jobs.start(actor, upload, card, skip_bad=new.skip_bad, renew=bool(new.renew))
        except BaseException:
            upload.discard()
            raise

    @router.get("/jobs")
    def list_jobs(actor: Acting, bench: Bench) -> list[JobView]:
        """List your latest jobs; for an administrator also all that wait or run."""
        return bench.jobs.list(actor)

    @router.get("/jobs/{job_id}")
    def get_job(job_id: str, actor: Acting, bench: Bench) -> JobView:
        """Read how far a job is, what could not be read, and why it failed."""
        with not_found_if_unknown():
            return bench.jobs.get(actor, job_id)

    @router.post("/jobs/{job_id}/retry")
    def retry_job(job_id: str, how: Retrying, actor: Acting, bench: Bench) -> JobView:
        """Try a job that failed again, with the same files."""
        get_job(job_id, actor, bench)
        return bench.jobs.retry(actor, job_id, skip_bad=how.skip_bad)

    @router.delete("/jobs/{job_id}")
    def cancel_job(job_id: str, actor: Acting, bench: Bench) -> JobView:
        """Stop a job, or give up one that failed; its files are deleted."""
        with not_found_if_unknown():
            return bench.jobs.cancel(actor, job_id)

    return router


def _check_size(request: Request, *, max_upload_mb: int) -> None:
    length = request.headers.get("content-length", "")
    if request.method == "POST" and not length.isdecimal():
        raise HTTPException(411, "Say how large the upload is: the header Content-Length is missing.")
    if length.isdecimal() and int(length) > max_upload_mb << 20:
        raise HTTPException(
            413,
            f"The files have {int(length) >> 20:,} MB; one upload may have {max_upload_mb:,} MB. Send fewer at a time.",
        )


def _fetch(address: str, upload: Upload, settings: Settings) -> Download | None:
    """Fetch what an address names into the folder of an upload; None for no address."""
    if not address:
        return None
    try:
        return download(address, upload.folder, limits_of(settings))
    except DatasetError as exc:
        raise InputError(str(exc)) from exc


def card_of(new: NewDataset, actor: Actor, *, fetched: Download | None = None) -> DatasetCard:
    """Return the card that the fields describe, and what was fetched.

    Raises:
        InputError: A field is missing or malformed; all problems are named.
    """
    names = [PurePosixPath(each.filename or "").name for each in new.files]
    origin = fetched.origin if fetched else ""
    if fetched:
        names.insert(0, fetched.path.name)
    listed = ", ".join(names[:NAMED_FILES]) + (
        f" and {len(names) - NAMED_FILES:,} more" if len(names) > NAMED_FILES else ""
    )
    title = new.title.strip() or PurePosixPath(names[0] if names else "").stem
    try:
        return DatasetCard(
            id=new.renew or id_of(title),
            title=title,
            description=new.description.strip() or f"Files that {actor.name} added: {listed}.",
            category=new.category,
            licence=new.licence.strip() or "unknown",
            source=new.source.strip() or origin or f"Files that {actor.name} added: {listed}.",
            tier=new.tier,
            labels=["contains-pii"] if new.personal else [],
            owner=new.owner.strip() or actor.name,
            purposes=[slug_of(each) for each in new.purposes.split(",") if slug_of(each)],
            jurisdiction=new.jurisdiction.strip() or None,
            legal_basis=new.legal_basis,
            valid_from=new.valid_from.strip() or None,
            valid_until=new.valid_until.strip() or None,
        )
    except ValidationError as exc:
        raise InputError(" ".join(_problem(dict(each)) for each in exc.errors(include_input=False))) from exc


def _problem(error: dict[str, object]) -> str:
    field = str(error["loc"][0]) if error["loc"] else "card"  # type: ignore[index]
    name = FIELD_WORDS.get(field, f"The {field}")
    if field == "id":
        return "The title needs at least one letter or digit."
    return f"{name}: {str(error['msg']).removeprefix('Value error, ')}."
