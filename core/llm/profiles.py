"""Model profiles: which weights run, at which revision, how they are loaded, and with which adapters.

Two are built in; others are TOML files in `<data folder>/profiles`, the file's stem being the name. Reading a profile
loads no weights and does not look whether they exist.
"""

import re
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.config import Settings
from core.errors import ModelError

DType = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["none", "int8", "int4"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_MODELS = Path(__file__).resolve().parents[2] / "data" / "models"
_FORMS = ("brief", "bullets", "plain-language")  # the adapters that ship with the starter model


class ModelProfile(BaseModel):
    """How one model is run.

    Attributes:
        model: A local directory (starts with `/`, `./`, `../` or `~`) or a Hugging Face id such as `org/name`.
        revision: Commit, tag or branch of a Hugging Face id; a commit is the only one that can't change.
        device_map: `auto` spreads the model over all devices; unset means the one that the `device` setting names.
        quantization: `int8` and `int4` need the optional bitsandbytes package.
        adapters: Name -> directory of a LoRA adapter.
        context_tokens: A limit below the model's own; unset means the model's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    model: str = Field(min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    dtype: DType = "auto"
    device_map: Literal["auto"] | None = None
    quantization: Quantization = "none"
    adapters: dict[str, str] = Field(default_factory=dict)
    context_tokens: int | None = Field(default=None, ge=64)

    @property
    def is_local(self) -> bool:
        """Say whether the model is a directory rather than a Hugging Face id."""
        return self.model.startswith(("/", "./", "../", "~"))

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.is_local and not _HUB_ID.fullmatch(self.model):
            raise ValueError(f"model {self.model!r} is neither a directory (/, ./, ../ or ~ first) nor an id org/name")
        if not self.is_local and self.revision is None:
            raise ValueError("a Hugging Face id needs a revision, best a commit")
        return self


BUILT_IN = {
    "starter": ModelProfile(name="starter", model=str(_MODELS / "starter"), dtype="float32"),
    "lambda-7b": ModelProfile(
        name="lambda-7b",
        model="allenai/Olmo-3-7B-Instruct",
        revision="6e5971d9eba42665f5bd5a0fcf047f299ce1dccc",
        dtype="bfloat16",
        context_tokens=16_384,
    ),
}


def load_profile(name: str, settings: Settings) -> ModelProfile:
    """Return a profile, built in or from the profiles folder.

    Raises:
        ModelError: There is none of that name, or its file can't be read.
    """
    paths = _profile_files(settings)
    if name in BUILT_IN:
        if name in paths:
            raise ModelError(f"{paths[name]} has the name of a built-in profile. Rename the file.")
        return _with_bundled_adapters(BUILT_IN[name])
    if name not in paths:
        known = ", ".join([*BUILT_IN, *paths])
        raise ModelError(
            f"There is no model profile {name!r}; there are: {known}. Add {_folder(settings)}/{name}.toml."
        )
    return _read_profile(name, paths[name])


def list_profiles(settings: Settings) -> list[ModelProfile]:
    """Return all profiles: the built-in ones, then those of the profiles folder by name.

    Raises:
        ModelError: A file can't be read.
    """
    return [load_profile(name, settings) for name in [*BUILT_IN, *_profile_files(settings)]]


def _with_bundled_adapters(profile: ModelProfile) -> ModelProfile:
    """Return the profile with the adapters that ship for it, where they are there: all of it runs without them."""
    if profile.name != "starter":
        return profile
    folders = {form: _MODELS / "adapters" / form for form in _FORMS}
    return profile.model_copy(update={"adapters": {form: str(f) for form, f in folders.items() if f.is_dir()}})


def _folder(settings: Settings) -> Path:
    return settings.data_folder / "profiles"


def _profile_files(settings: Settings) -> dict[str, Path]:
    return {path.stem: path for path in sorted(_folder(settings).glob("*.toml"))}


def _read_profile(name: str, path: Path) -> ModelProfile:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ModelError(f"Model profile {path} can't be read: {exc}") from exc
    if "name" in table:
        raise ModelError(f"Model profile {path} sets name; its file's name is its name. Remove the line.")
    try:
        profile = ModelProfile(name=name, **table)
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'profile'}: {e['msg']}" for e in exc.errors())
        raise ModelError(f"Model profile {path} is not valid: {problems}.") from exc
    return _with_absolute_paths(profile, path.parent)


def _with_absolute_paths(profile: ModelProfile, folder: Path) -> ModelProfile:
    adapters = {name: _absolute(value, folder) for name, value in profile.adapters.items()}
    model = _absolute(profile.model, folder) if profile.is_local else profile.model
    return profile.model_copy(update={"adapters": adapters, "model": model})


def _absolute(value: str, folder: Path) -> str:
    return str((folder / Path(value).expanduser()).resolve())
