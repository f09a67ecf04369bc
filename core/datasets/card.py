"""A dataset's card, `dataset.yaml`: what it is, whose it is, and who may use it."""

import re
import unicodedata
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from core.errors import DatasetError

CARD_NAME = "dataset.yaml"
DESCRIPTIONS = (CARD_NAME, "croissant.json", "datapackage.json")
"""Files that say what a dataset is, and are none of its data."""

MAX_CARD_BYTES = 64_000
MAX_ID = 80
RESERVED = frozenset({"jobs"})
"""Ids that no dataset has, as the API means something else by them."""

Category = Literal[
    "General Knowledge",
    "Technical Documentation",
    "Business & Finance",
    "Science & Research",
    "Creative Writing",
    "Legal & Compliance",
    "Healthcare",
    "Education",
]
Tier = Literal["public", "internal", "restricted"]
LegalBasis = Literal[
    "not-personal",
    "invented-persons",
    "consent",
    "contract",
    "legal-obligation",
    "vital-interests",
    "public-task",
    "legitimate-interests",
]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=MAX_ID)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


def iso_day(value: object) -> object:
    """Return a day as the text that a card keeps, such as "2026-03-31"; what is no day at all stays as it is.

    Raises:
        ValueError: It is a text that names no day of the calendar.
    """
    if isinstance(value, str):
        return date.fromisoformat(value.strip()).isoformat()
    return value.isoformat() if type(value) is date else value


Day = Annotated[str, BeforeValidator(iso_day)]


class DatasetCard(BaseModel):
    """What the owner of a dataset says of it.

    Attributes:
        id: Lower-case words joined by hyphens, such as `travel-and-expenses`.
        licence: An SPDX identifier or a short name.
        source: Where the content comes from.
        tier: Who may use it; "restricted" asks for a right of its own.
        labels: What to know before use, such as `contains-pii`.
        owner: The person or organisation that answers for it.
        purposes: What it may be used for, such as `customer-support`; none means every purpose.
        jurisdiction: Whose law it falls under, such as `EU` or `US-CA`.
        legal_basis: Why personal data in it may be used (GDPR Article 6), or that there are no real persons in it.
        valid_from: The first day that its data holds for; none means that it always did.
        valid_until: The last day that its data holds for; afterwards it is left out. None means until further notice.
        columns: What the columns of its tables mean, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Slug
    title: Line
    description: Text
    category: Category
    licence: Annotated[Line, StringConstraints(max_length=80)]
    source: Text
    tier: Tier
    labels: list[Slug]
    owner: Line | None = None
    purposes: list[Slug] = []
    jurisdiction: Annotated[Line, StringConstraints(max_length=80)] | None = None
    legal_basis: LegalBasis | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None
    columns: dict[Line, Text] = {}

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError(
                f"the last (valid_until: {self.valid_until}) is before the first (valid_from: {self.valid_from})"
            )
        return self

    @field_validator("id")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value in RESERVED:
            raise ValueError(f"{value!r} means something else in the API; choose another, such as {id_of(value)!r}")
        return value


def slug_of(name: str) -> str:
    """Return a name as lower-case words joined by hyphens, without accents; empty where no letter or digit is left."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_ID].rstrip("-")


def id_of(name: str) -> str:
    """Return a dataset's id made from its name; empty where no letter or digit is left."""
    slug = slug_of(name)
    return f"{slug}-data" if slug in RESERVED else slug


def load_card(path: Path) -> DatasetCard:
    """Read a `dataset.yaml`.

    Raises:
        DatasetError: The file is missing, too large, not YAML, or a field is missing, unknown or malformed.
    """
    try:
        data = path.read_bytes()
        if len(data) > MAX_CARD_BYTES:
            raise DatasetError(f"{path} has {len(data)} bytes; a card has at most {MAX_CARD_BYTES}.")
        return DatasetCard.model_validate(yaml.safe_load(data))
    except FileNotFoundError as exc:
        raise DatasetError(f"{path} is missing. A dataset is a folder with a {CARD_NAME} and its files.") from exc
    except OSError as exc:
        raise DatasetError(f"{path} can't be read: {exc}") from exc
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'card'}: {e['msg']}" for e in exc.errors())
        raise DatasetError(f"{path} is not a valid card: {problems}") from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:  # a day that the calendar has not is a ValueError
        raise DatasetError(f"{path} is not valid YAML: {exc}") from exc
