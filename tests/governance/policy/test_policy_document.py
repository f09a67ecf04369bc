from pathlib import Path

import pytest

from governance.errors import PolicyError
from governance.policy import parse_document, read_documents

GOOD = """
id: core
title: T
description: D
rules:
  - id: one
    when: finding.score > 0.5
    then: block
    severity: high
    message: No.
    legal_basis: [GDPR Art. 5]
"""


def test_document_is_parsed() -> None:
    document = parse_document(GOOD, source="core.yaml")
    assert [rule.id for rule in document.rules] == ["one"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("rules:", "rulez:"), "rulez: Extra inputs"),
        (("then: block", "thenn: block"), "rules > one > thenn: Extra inputs"),
        (("then: block", "then: drop"), "rules > one > then"),
        (("severity: high", "severity: 3"), "rules > one > severity"),
        (("then: block", "then: allow"), "nobody would see its message"),
        (("message: No.", "message: ' '"), "needs a message for the user"),
        (("    severity: high\n", ""), "rules > one > severity: Field required"),
        (("    severity: high", "    severity: high\n    severity: low"), "'severity' stands twice"),
        (("when: finding.score > 0.5", "when: [a"), "not valid YAML"),
        (("when: finding.score > 0.5", "when: !!python/object:os.system {}"), "not valid YAML"),
        (("id: one", "id: One two"), "rules > one"),
    ],
)
def test_broken_document_is_refused_with_its_place(change: tuple[str, str], says: str) -> None:
    broken = GOOD.replace(*change)
    assert broken != GOOD
    with pytest.raises(PolicyError) as caught:
        parse_document(broken, source="core.yaml")
    assert says.lower() in str(caught.value).lower()
    assert str(caught.value).startswith("core.yaml: ")
    assert "Correct the file" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "just words", "id: core\ntitle: T\ndescription: D\nrules: []\n"])
def test_document_without_rules_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"core\.yaml"):
        parse_document(text, source="core.yaml")


def test_doubled_rule_id_is_refused() -> None:
    doubled = GOOD + GOOD[GOOD.index("  - id: one") :]
    with pytest.raises(PolicyError, match="more than once: one"):
        parse_document(doubled, source="core.yaml")


def test_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    for name in ("core", "a"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("id: core", f"id: {name}"))
    assert [document.id for document in read_documents(tmp_path)] == ["a", "core"]


def test_folder_without_policy_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PolicyError, match="at least one policy file"):
            read_documents(folder)


def test_file_whose_name_is_not_its_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(GOOD)
    with pytest.raises(PolicyError, match="its id is 'core', expected the file's name, 'other'"):
        read_documents(tmp_path)


def test_unreadable_or_huge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "core.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PolicyError, match="UTF-8"):
        read_documents(tmp_path)
    (tmp_path / "core.yaml").write_text("#" * 1_000_001)
    with pytest.raises(PolicyError, match="larger than"):
        read_documents(tmp_path)
