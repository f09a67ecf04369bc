"""Policies with a typing error, as other engines let pass: refused when loaded, and the running policy stays."""

from pathlib import Path

import pytest

from governance.errors import PolicyError
from governance.policy import PolicyBook, vocabulary_of
from governance.policy.situations import shipped_places
from tests.governance.policy.drafts import SHIPPED, write_draft

TYPOS = [
    pytest.param('finding.rail in ["pii", "identity_numbers"]', 'finding.rial in ["pii"]', id="field misspelt"),
    pytest.param('finding.rail in ["pii", "identity_numbers"]', 'finding.rail in ["pii"', id="list left open"),
    pytest.param('finding.rail in ["pii", "identity_numbers"]', 'finding.rail in ["pii", "pi"]', id="word misspelt"),
    pytest.param("\nrules:\n", "\nrulez:\n", id="rules misspelt"),
    pytest.param("    then: redact\n    severity: high\n", "    then: drop\n    severity: high\n", id="unknown action"),
    pytest.param("  - id: secrets.mask\n    when:", "  - id: secrets.mask\n    wen:", id="when misspelt"),
    pytest.param("title: Core rules\n", "title: Core rules\ndefault_action: allow\n", id="unknown default"),
    pytest.param("finding.score >= 0.9", 'finding.score >= "0.9"', id="number in quotes"),
    pytest.param("finding.score >= 0.9", "finding.score >= 9.0", id="score out of range"),
]


@pytest.mark.parametrize(("old", "new"), TYPOS)
def test_policy_with_a_typing_error_is_refused_and_the_running_one_stays(tmp_path: Path, old: str, new: str) -> None:
    folder = write_draft(tmp_path)
    book = PolicyBook(folder, vocabulary=vocabulary_of(shipped_places()))
    running = book.digest
    write_draft(tmp_path, (old, new))
    with pytest.raises(PolicyError, match=r"core\.yaml"):
        book.reload()
    assert book.digest == running


def test_policy_with_no_rules_left_is_refused(tmp_path: Path) -> None:
    write_draft(tmp_path)
    text = (SHIPPED / "core.yaml").read_text()
    (tmp_path / "core.yaml").write_text(text[: text.index("\nrules:\n")] + "\nrules: []\n")
    with pytest.raises(PolicyError, match=r"core\.yaml"):
        PolicyBook(tmp_path, vocabulary=vocabulary_of(shipped_places()))
