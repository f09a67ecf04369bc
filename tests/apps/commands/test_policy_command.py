"""`promethios policy` as its user runs it, on folders of rules and on a ledger with turns in it."""

import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli import app
from core.config import load_settings
from core.schema import Message
from governance.records import open_records
from tests.governance.door import closed, open_door
from tests.governance.policy.drafts import SHIPPED, rule, write_draft, write_rules

RUN = CliRunner()
MASKS = ("then: redact\n    severity: medium", "then: block\n    severity: medium")
MAIL = "My mail is jane.doe@example.com, what is paid for meals?"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHIOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PROMETHIOS_MASTER_KEY", base64.b64encode(bytes(32)).decode())  # the door's
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def run(*arguments: object, code: int = 0) -> str:
    result = RUN.invoke(app, ["policy", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def test_shipped_rules_pass_lint_and_their_cases(home: Path) -> None:
    assert "0 problems, 0 warnings." in run("lint")
    tested = run("test")
    assert " 0 failed." in tested
    assert "Rules without a case in which they decide: 0." in tested
    assert "do not decide (not_rule): 0." in tested
    assert not home.exists()


def test_lint_warns_and_fails_only_on_a_problem(tmp_path: Path) -> None:
    folder = write_rules(tmp_path / "rules", rule("one", 'finding.rail != "harm"', "allow", basis="[]"))
    warned = run("lint", folder)
    assert "warning: harm (every category), any score, input and output, every level: no rule names it" in warned
    assert "warning: core.yaml, rule one: it has no legal basis." in warned
    assert "1 rules: 0 problems, 2 warnings." in warned
    write_rules(folder, rule("one", 'finding.rail != "arm"'))
    assert "problem: core.yaml, rule one: unknown word 'arm'" in run("lint", folder, code=1)
    assert "problem: " in run("lint", tmp_path / "missing", code=1)


def test_failing_case_is_printed_with_its_reason(tmp_path: Path) -> None:
    folder = write_rules(tmp_path / "rules", rule("one", "true"), rule("two", "false || true", "block"))
    assert "Error: " in run("test", folder, code=1)
    (folder / "core.cases.yaml").write_text(
        "cases:\n  - {finding: {rail: pii, category: email, score: 1}, stage: input, level: standard,"
        " action: redact, rule: core.one}\n"
    )
    failed = run("test", folder, code=1)
    assert "failed: core.cases.yaml, case 1 (pii email 1, input, standard): expected redact by core.one" in failed
    assert "1 cases: 0 passed, 1 failed." in failed
    assert "decide: 2: core.one, core.two." in failed
    (folder / "core.cases.yaml").write_text("cases: [{}]")
    assert "Error: core.cases.yaml: cases > 1 > finding: Field required" in run("test", folder, code=1)


def test_diff_lists_the_loosened_situations_and_can_refuse_them(tmp_path: Path) -> None:
    assert "The rules are the same." in run("diff", SHIPPED, SHIPPED, "--no-looser")
    strict = write_draft(tmp_path / "strict", MASKS)
    tightened = run("diff", SHIPPED, strict, "--no-looser")
    assert "changed: core.privacy.mask-identifiers: action\n  before: redact\n  after:  block" in tightened
    assert " 0 looser, " in tightened
    loosened = run("diff", strict, SHIPPED)
    assert "pii (every category), any score, every stage, standard and enhanced" in loosened
    assert run("diff", strict, SHIPPED, "--no-looser", code=1) == loosened
    other = write_draft(tmp_path / "other", ("id: secrets.mask", "id: secrets.hide"))
    renamed = run("diff", SHIPPED, other, "--no-looser")
    assert "added: core.secrets.hide\nremoved: core.secrets.mask" in renamed
    assert "Error: " in run("diff", SHIPPED, tmp_path / "missing", code=1)


def test_replay_shows_what_a_draft_would_change_and_no_text(tmp_path: Path) -> None:
    draft = write_draft(tmp_path / "draft", MASKS)
    assert "nothing was replayed" in run("replay", draft)
    records = open_records(load_settings())
    door = open_door(records.store, ledger=records.ledger)
    actor = door.user("ada")
    end = closed(list(door.native_llm.chat(actor, door.agent(actor), [Message("user", MAIL)])))
    entry = records.ledger.entries(turn_id=end.turn_id, kinds=["turn.closed"])[0]
    size = records.ledger.size()
    records.close()

    shown = run("replay", draft, "--since", "2026-01-01", "--limit", "5")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert ["masked", "refused", "1"] in rows
    rule_id = "core.privacy.mask-identifiers"
    assert [str(entry.index), "masked", rule_id, "refused", rule_id] in rows
    assert "example.com" not in shown
    assert "jane" not in shown
    assert "No turn is decided otherwise." in run("replay", SHIPPED)
    few = write_rules(tmp_path / "few", rule("secrets", 'finding.rail == "secrets"'))
    assert "No rule of the draft names pii email in the input, found 1 times" in run("replay", few)
    assert "nothing was replayed" in run("replay", draft, "--since", "2999-01-01T00:00Z")
    records = open_records(load_settings())
    assert records.ledger.size() == size
    records.close()


def test_replay_says_what_it_expected(tmp_path: Path) -> None:
    assert "--since takes an ISO time such as 2026-03-01" in run("replay", SHIPPED, "--since", "yesterday", code=1)
    assert "expected a folder" in run("replay", tmp_path / "missing", code=1)
    assert "limit" in run("replay", SHIPPED, "--limit", "0", code=2)
