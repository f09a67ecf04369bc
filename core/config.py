"""All settings, in one table: `PROMETHIOS_*` variables over a TOML file over the defaults here.

Unknown keys are errors wherever they stand. No setting turns governance off: there is none to turn it off with.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.errors import SettingsError

PREFIX = "PROMETHIOS_"
CONFIG_VARIABLE = PREFIX + "CONFIG"


class Settings(BaseSettings):
    """What the workbench runs with. Every field is documented in `docs/settings.md`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Field(default=Path(".promethios"), description="The one data folder: database, indexes, keys, logs.")
    host: str = Field(default="127.0.0.1", description="Address that both servers listen on.")
    port: int = Field(default=7860, ge=1, le=65535, description="Port of the chat app and the REST API.")
    dashboard_port: int = Field(default=8501, ge=1, le=65535, description="Port of the dashboard.")
    workers: int = Field(
        default=1, ge=1, le=64, description="Server processes; more than 1 needs PostgreSQL and a Chroma server."
    )
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="What is logged.")

    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of a PostgreSQL database; SQLite in the data folder when unset."
    )
    chroma_url: str | None = Field(
        default=None, description="URL of a Chroma server; embedded in the data folder when unset."
    )

    profile: str = Field(
        default="starter", min_length=1, description="Model profile: starter, lambda-7b, or one in the profiles folder."
    )
    device: str = Field(default="auto", description="Where the model runs: auto, cpu, cuda, cuda:0.")
    engine_slots: int = Field(default=1, ge=1, le=256, description="Answers that are generated at the same time.")
    queue_timeout_s: float = Field(default=60.0, gt=0, description="How long a turn waits for a free engine slot.")
    max_answer_tokens: int = Field(default=512, ge=16, le=8192, description="Upper limit of any answer's length.")
    offline: bool = Field(default=True, description="Never ask a model hub; a missing model is an error.")

    retrieval_top_k: int = Field(default=4, ge=1, le=9, description="Evidence passages per turn.")
    retrieval_two_levels_above: int = Field(
        default=50,
        ge=1,
        description="With more datasets than this, cards say first which of them to search by meaning.",
    )
    vectors_memory_mb: int = Field(
        default=1024,
        ge=1,
        le=1_048_576,
        description="Memory for vectors, read at the start or when searched; 1 GB holds 1.4 million.",
    )
    answerable_threshold: float = Field(
        default=0.65, ge=0, le=1, description="Score below which nothing found answers the question."
    )

    ingest_workers: int = Field(
        default=1, ge=1, le=64, description="Processes that read datasets; 1 reads in the command's own."
    )
    max_upload_mb: int = Field(default=512, ge=1, le=65_536, description="Size that one upload of files may have.")

    import_timeout_s: float = Field(
        default=300.0, gt=0, le=86_400, description="How long fetching a dataset by its address may take."
    )
    import_private_addresses: bool = Field(
        default=False, description="Also fetch datasets from addresses that are not public, such as this network's."
    )

    guard_model: str = Field(
        default="bundled",
        min_length=1,
        description="Guard model: bundled, or a text classifier's folder or Hugging Face id.",
    )
    guard_revision: str | None = Field(default=None, description="Revision of a guard model from Hugging Face.")
    rail_deadline_s: float = Field(default=2.0, gt=0, le=60, description="A rail later than this blocks the turn.")
    permit_ttl_s: float = Field(default=120.0, gt=0, le=3600, description="Life of a Permit to generate.")

    review_wait_s: float = Field(
        default=86_400.0,
        ge=60,
        le=2_592_000,
        description="How long a held turn waits for a reviewer before it stays refused.",
    )

    witness_folder: Path | None = Field(
        default=None, description="Folder on another disk that gets signed checkpoints; none when unset."
    )
    witness_url: str | None = Field(
        default=None, description="HTTPS address that gets signed checkpoints instead of a folder; none when unset."
    )
    witness_every_s: float = Field(
        default=60.0, ge=1, le=86_400, description="The witness gets at most one checkpoint in so many seconds."
    )
    verify_every_s: float = Field(
        default=3600.0, ge=10, le=604_800, description="The server verifies the whole ledger once in so many seconds."
    )

    session_ttl_s: int = Field(default=43_200, ge=60, description="Life of a sign-in.")
    login_attempts: int = Field(default=5, ge=1, description="Failed sign-ins before a name or address has to wait.")
    login_window_s: int = Field(default=300, ge=1, description="How long failed sign-ins count.")
    secure_cookies: bool = Field(default=False, description="Send cookies over HTTPS only; set it behind TLS.")
    master_key: SecretStr | None = Field(
        default=None, description="Base64 of 32 bytes that wrap the content keys; a file in the data folder when unset."
    )
    oidc_issuer: str | None = Field(default=None, description="OpenID Connect issuer; unset means passwords only.")
    oidc_client_id: str | None = Field(default=None, description="Client id at the issuer.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="Client secret at the issuer.")
    oidc_default_role: str = Field(default="member", description="Role of a person who first signs in through OIDC.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the TOML file that `PROMETHIOS_CONFIG` names."""
        path = Path(os.environ.get(CONFIG_VARIABLE, "promethios.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    @property
    def data_folder(self) -> Path:
        """Return the data folder as an absolute path."""
        return self.home.expanduser().resolve()

    def sqlalchemy_url(self) -> str:
        """Return the database's URL, PostgreSQL or the SQLite file in the data folder."""
        if self.database_url is None:
            return f"sqlite:///{self.data_folder / 'promethios.db'}"
        return self.database_url.get_secret_value()


def load_settings(**overrides: Any) -> Settings:
    """Read settings from arguments, environment and file.

    Raises:
        SettingsError: A key is unknown, a value is malformed, the file is missing or broken, or settings contradict.
    """
    _refuse_unknown_variables(os.environ)
    path = os.environ.get(CONFIG_VARIABLE)
    if path is not None and not Path(path).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {path}, which is not a file. Create it or unset the variable.")
    try:
        settings = Settings(**overrides)
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors(include_input=False))
        raise SettingsError(f"Settings are not valid: {problems}. docs/settings.md lists every key.") from exc
    except ValueError as exc:
        raise SettingsError(f"The settings file can't be read: {exc}") from exc
    _refuse_contradictions(settings)
    return settings


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    unknown = sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)
    if unknown:
        raise SettingsError(f"Unknown setting {', '.join(unknown)}. docs/settings.md lists every key.")


def _refuse_contradictions(settings: Settings) -> None:
    if settings.workers > 1 and (settings.database_url is None or settings.chroma_url is None):
        raise SettingsError(
            "workers > 1 needs database_url (PostgreSQL) and chroma_url: embedded stores belong to one process."
        )
    if settings.witness_folder is not None and settings.witness_url is not None:
        raise SettingsError("witness_folder and witness_url are both set; the ledger has one witness, so unset one.")
    if settings.oidc_issuer and not (settings.oidc_client_id and settings.oidc_client_secret):
        raise SettingsError("oidc_issuer is set, so oidc_client_id and oidc_client_secret are needed too.")
