"""Policy folders to test: small ones written by hand, and the shipped one with changes."""

from pathlib import Path

from governance.policy import Places, Policy, load_policy, vocabulary_of
from governance.policy.document import policy_files

SHIPPED = Path(__file__).parents[3] / "data" / "policies"
PLACES: Places = {
    "input": {"pii": frozenset({"email", "phone"}), "harm": frozenset({"weapons"})},
    "retrieval": {"pii": frozenset({"email", "phone"})},
    "output": {"pii": frozenset({"email", "phone"})},
}


def rule(name: str, when: str, then: str = "redact", *, severity: str = "medium", basis: str = "[GDPR Art. 25]") -> str:
    message = "" if then == "allow" else ", message: Please leave it out."
    return f"  - {{id: {name}, when: '{when}', then: {then}, severity: {severity}, legal_basis: {basis}{message}}}\n"


def write_rules(folder: Path, *rules: str, name: str = "core") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"id: {name}\ntitle: T\ndescription: D\nrules:\n{''.join(rules)}")
    return folder


def make_policy(folder: Path, *rules: str) -> Policy:
    return load_policy(write_rules(folder, *rules), vocabulary=vocabulary_of(PLACES))


def write_draft(folder: Path, *changes: tuple[str, str]) -> Path:
    """Copy the shipped rules with changes to the core ones, each of which has to change something."""
    text = (SHIPPED / "core.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    for path in policy_files(SHIPPED):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "core.yaml").write_text(text)
    return folder
