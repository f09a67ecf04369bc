"""Policy documents: YAML text to checked values. Whatever is unknown, double or of the wrong type is refused."""

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from governance.errors import PolicyError
from governance.schema import Action

MAX_BYTES = 1_000_000
CASES = ".cases.yaml"  # what a file of cases ends with; it stands beside the rules and holds none
LateRail = Literal["duties", "groundedness"]  # at every level each other one masks, refuses or asks a person
LateUpTo = Literal["standard", "enhanced"]
_ID = r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$"
_Document = TypeVar("_Document", bound=BaseModel)


class RuleDocument(BaseModel):
    """One rule: when it holds for a finding, what then.

    Attributes:
        when: A CEL expression over `finding`, `stage`, `agent` and `actor`; see `governance.policy.condition`.
        message: For the user; needed wherever the rule refuses.
        notice: A sentence that is added to the answer, such as a disclaimer; only where the rule lets it go on.
        legal_basis: What in law or standards asks for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=_ID)
    when: str = Field(min_length=1)
    then: Action
    severity: Literal["low", "medium", "high", "critical"]
    message: str = ""
    notice: str = ""
    legal_basis: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.then in ("block", "escalate") and not self.message.strip():
            raise ValueError(f"rule {self.id} refuses, so it needs a message for the user")
        if self.then in ("block", "escalate") and self.notice:
            raise ValueError(f"rule {self.id} refuses, so there is no answer to add its notice to; remove it")
        if self.then == "allow" and self.message:
            raise ValueError(f"rule {self.id} allows, so nobody would see its message; remove it")
        return self


class PolicyDocument(BaseModel):
    """One file of rules. Its id starts the id of every rule in it, as in `core.privacy.mask-identifiers`.

    Attributes:
        late: Rails that a turn may go on without when they are late, with the highest level of agents at which it may.
            Every other late rail refuses the turn, and so does any that raises.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=_ID)
    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    late: dict[LateRail, LateUpTo] = Field(default_factory=dict)
    rules: list[RuleDocument] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [rule.id for rule in self.rules]
        doubled = sorted({each for each in ids if ids.count(each) > 1})
        if doubled:
            raise ValueError(f"rule ids stand more than once: {', '.join(doubled)}")
        return self


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key that stands twice in one mapping."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    doubled = [key for i, key in enumerate(keys) if key in keys[:i]]
    if doubled:
        raise yaml.constructor.ConstructorError(None, None, f"the key {doubled[0]!r} stands twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_document(text: str, *, source: str) -> PolicyDocument:
    """Return the document that a YAML text holds.

    Args:
        text: The YAML.
        source: What to call it in errors: a file's name.

    Raises:
        PolicyError: It is not YAML, or not a policy document.
    """
    return parse_yaml(text, PolicyDocument, source=source, advice="Correct the file; the policy was not changed.")


def parse_yaml(text: str, schema: type[_Document], *, source: str, advice: str) -> _Document:
    """Return the checked value that a YAML text holds.

    Args:
        text: The YAML.
        schema: What it has to be.
        source: What to call it in errors: a file's name.
        advice: What to do about an error, a sentence.

    Raises:
        PolicyError: It is not YAML, or does not fit the schema.
    """
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as exc:
        raise PolicyError(f"{source}: not valid YAML: {exc}. {advice}") from exc
    try:
        return schema.model_validate(raw)
    except ValidationError as exc:
        problems = "; ".join(_problem(error, raw) for error in exc.errors(include_input=False, include_url=False))
        raise PolicyError(f"{source}: {problems}. {advice}") from exc


def _problem(error: Any, raw: object) -> str:
    place, here = [], raw
    for step in error["loc"]:
        here = here[step] if isinstance(here, dict | list) and step in _keys(here) else None
        place.append(_step_name(here, step))
    return f"{' > '.join(place) or 'document'}: {error['msg']}"


def _step_name(value: object, step: str | int) -> str:
    """Return what people call a step of a path: in a list, an element's id, else its number from 1 on."""
    if isinstance(step, str):
        return step
    return str(value.get("id", step + 1)) if isinstance(value, dict) else str(step + 1)


def _keys(value: dict[Any, Any] | list[Any]) -> Any:
    return value if isinstance(value, dict) else range(len(value))


def read_documents(folder: Path) -> list[PolicyDocument]:
    """Return the documents of a folder's `*.yaml` files, ordered by file name; `*.cases.yaml` are none.

    Raises:
        PolicyError: There is no folder or no file, a file can't be read, or an id isn't the file's name.
    """
    return [read_document(path) for path in policy_files(folder)]


def policy_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold rules, ordered by name.

    Raises:
        PolicyError: There is no folder or no such file.
    """
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    files = [path for path in files if not path.name.endswith(CASES)]
    if not files:
        raise PolicyError(f"{folder}: expected a folder with at least one policy file (*.yaml), found none.")
    return files


def read_document(path: Path) -> PolicyDocument:
    """Return the document of one file.

    Raises:
        PolicyError: It can't be read, is not a policy document, or its id isn't the file's name.
    """
    return _named(parse_document(read_text(path), source=path.name), path)


def _named(document: PolicyDocument, path: Path) -> PolicyDocument:
    if document.id != path.stem:
        raise PolicyError(f"{path.name}: its id is {document.id!r}, expected the file's name, {path.stem!r}.")
    return document


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        PolicyError: It is no UTF-8 text or larger than `MAX_BYTES`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PolicyError(f"{path.name}: larger than {MAX_BYTES} bytes. Split it into several files.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PolicyError(f"{path.name}: can't be read as UTF-8 text: {exc}.") from exc
