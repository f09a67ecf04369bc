"""The command line on a filled data folder, in this process; nothing is replaced by a fake."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apps.cli import app
from core.config import load_settings
from governance.records import open_records

RUN = CliRunner()


@pytest.fixture
def home(seeded_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHIOS_HOME", str(seeded_home))
    monkeypatch.setenv("COLUMNS", "200")
    return seeded_home


def run(*arguments: str, code: int = 0) -> Result:
    result = RUN.invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_chat_answers_with_a_citation_and_its_receipt_verifies_without_a_database(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("chat", "Product Support", "When was the working area of the LC-40 measured: what is it?").output
    turn = re.search(r"turn ([0-9a-f-]{36})", said)
    assert turn is not None
    assert "[1]" in said
    assert "Laser cutter manual" in said

    records = open_records(load_settings())
    entry = records.ledger.entries(turn_id=turn[1], kinds=["turn.closed"])[0]
    receipt, key = tmp_path / "receipt.json", tmp_path / "key.pub"
    receipt.write_text(json.dumps(records.ledger.receipt(entry.index)))
    records.close()
    key.write_text(run("ledger", "key").output)

    monkeypatch.setenv("PROMETHIOS_HOME", str(tmp_path / "elsewhere"))
    assert "Verified" in run("receipt", "verify", str(receipt), "--key", str(key)).output
    receipt.write_text(receipt.read_text().replace("answered", "answereD"))
    assert "Error" in run("receipt", "verify", str(receipt), "--key", str(key), code=1).output
    assert not (tmp_path / "elsewhere").exists()


def test_ledger_verifies_is_exported_and_checked_alone(home: Path, tmp_path: Path) -> None:
    assert "The ledger verifies" in run("ledger", "verify").output
    note = tmp_path / "kept.txt"
    note.write_text(run("ledger", "checkpoint").output)
    assert "1 kept checkpoints" in run("ledger", "verify", "--kept", str(note)).output
    key = tmp_path / "key.pub"
    key.write_text(run("ledger", "key").output)
    run("ledger", "export", str(tmp_path / "ledger.zip"))
    assert "verifies" in run("verify", str(tmp_path / "ledger.zip"), "--key", str(key)).output
    assert "proves nothing" in run("verify", str(tmp_path / "ledger.zip")).output


def test_ledger_goes_on_under_a_new_key(home: Path, tmp_path: Path) -> None:
    records = open_records(load_settings())
    receipt, old, new, history = (tmp_path / name for name in ("receipt.json", "old.pub", "new.pub", "history.json"))
    receipt.write_text(json.dumps(records.ledger.receipt(0)))
    records.close()
    old.write_text(run("ledger", "key").output)
    assert old.read_text().strip() in run("ledger", "rotate-key").output
    new.write_text(run("ledger", "key").output)
    history.write_text(run("ledger", "history").output)
    assert "The ledger verifies" in run("ledger", "verify").output
    run("ledger", "export", str(tmp_path / "ledger.zip"))
    for key in (old, new):
        run("verify", str(tmp_path / "ledger.zip"), "--key", str(key))
        run("receipt", "verify", str(receipt), "--key", str(key), "--history", str(history))
    run("receipt", "verify", str(receipt), "--key", str(new), code=1)


def test_agents_are_listed_created_and_retired(home: Path) -> None:
    assert "Larkfield Assistant" in run("agents", "list").output
    made = run(
        "agents", "create", "Story teller", "--purpose", "Tells stories of the workshop.", "--dataset", "company-story",
        "--domain", "legal", "--scope", "stated", "--allow", "help@larkfield.example",
    ).output  # fmt: skip
    agent_id = re.search(r"\(([0-9a-f-]{36})\)", made)
    assert agent_id is not None
    assert re.search(r"Story teller\s+│ legal", run("agents", "list").output)
    run("agents", "retire", agent_id[1])
    assert "Story teller" not in run("agents", "list").output
    wrong = run("agents", "create", "X", "--purpose", "Too short a name.", code=1)
    assert "name" in wrong.output


def test_datasets_are_listed_shown_added_and_removed(home: Path, tmp_path: Path) -> None:
    assert "employee-handbook" in run("datasets", "list").output
    assert "chunks" in run("datasets", "show", "travel-and-expenses").output
    folder = tmp_path / "tides"
    folder.mkdir()
    (folder / "dataset.yaml").write_text(
        "id: tides\ntitle: Tide notes\ndescription: Notes on tides.\ncategory: Science & Research\n"
        "licence: CC0-1.0\nsource: written for a test\ntier: public\nlabels: []\n"
    )
    (folder / "tides.md").write_text("# Tides\n\nThe harbour has two high tides a day.\n")
    assert "1 added (1 chunks)" in run("datasets", "add", str(folder)).output
    assert "1 unchanged" in run("datasets", "add", str(folder)).output
    assert "two high tides" in run("datasets", "show", "tides").output
    run("datasets", "remove", "tides")
    assert "tides" not in run("datasets", "list").output
    assert "Error" in run("datasets", "show", "ghost", code=1).output


def test_files_without_a_card_are_added_bad_rows_left_out_on_request_and_a_person_erased(tmp_path: Path, home) -> None:
    path = tmp_path / "harbour-fees.csv"
    path.write_text("boat,owner,fee\nSeal,Xaver Quillfeather,5\nGull,Ann Bee,7\nBroken,1\n")
    refused = run("datasets", "add", str(path), "--licence", "CC0-1.0", code=1).output
    assert "line 4" in refused
    assert "1 refused; --skip-bad" in refused
    added = run("datasets", "add", str(path), "--licence", "CC0-1.0", "--skip-bad").output
    assert "1 added" in added
    assert "line 4" in added
    erased = run("datasets", "erase-subject", "Xaver Quillfeather").output
    assert "harbour-fees: 2 chunks and 1 table rows" in erased
    assert "are as they were" in erased
    assert "Quillfeather" not in run("datasets", "show", "harbour-fees").output
    again = run("datasets", "add", str(path), "--licence", "CC0-1.0", "--skip-bad", code=1).output
    assert "what was erased" in again
    assert "; --skip-bad" not in again
    path.unlink()
    assert "are as they were" not in run("datasets", "erase-subject", "Ann Bee").output
    run("datasets", "remove", "harbour-fees")


def test_users_and_keys_are_managed(home: Path) -> None:
    run("users", "create", "mia", "--role", "member", "--password", "a long enough pass phrase")
    run("users", "set-role", "mia", "reviewer")
    assert "reviewer" in run("users", "list").output
    assert "One-time password" in run("users", "reset-password", "mia").output
    secret = run("keys", "create", "ci", "--scope", "chat.use").output
    assert secret.startswith("pk_")
    listed = run("keys", "list").output
    assert "chat.use" in listed
    key_id = re.search(r"[0-9a-f-]{36}", listed)
    assert key_id is not None
    run("keys", "revoke", key_id[0])
    assert "revoked" in run("keys", "list").output
    assert "Nothing was erased" in run("users", "erase", "mia", "--confirm", "ada", code=1).output
    assert "Erased 0 contents" in run("users", "erase", "mia", "--confirm", "mia").output
    run("users", "disable", "mia")
    assert "disabled" in run("users", "list").output
    assert "no role" in run("users", "set-role", "mia", "king", code=1).output


def test_backup_is_restored_into_an_empty_installation(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "backup.zip"
    run("backup", str(target), "--keys")
    monkeypatch.setenv("PROMETHIOS_HOME", str(tmp_path / "restored"))
    run("restore", str(target), "--keys")
    assert "The ledger verifies" in run("ledger", "verify").output
    said = run("chat", "Larkfield Assistant", "When was Larkfield Tools founded?").output
    assert "2009" in said
    assert "Error" in run("restore", str(target), "--keys", code=1).output


def test_doctor_says_what_is_in_force_and_what_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    well = run("doctor").output
    assert "Everything that the workbench needs is here." in well
    monkeypatch.setenv("PROMETHIOS_PROFILE", "lambda-7b")
    ill = run("doctor", code=1).output
    assert "missing" in ill
    assert "Olmo-3-7B" in run("models", "list").output


def test_unknown_setting_is_one_helpful_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHIOS_GOVERNANCE_ENABLED", "false")
    result = run("agents", "list", code=1)
    assert "Unknown setting PROMETHIOS_GOVERNANCE_ENABLED" in result.output
    assert "Traceback" not in result.output


def test_models_show_names_what_runs(home: Path) -> None:
    shown = run("models", "show").output
    assert "profile: starter" in shown
    assert "sha256:" in shown


def test_version_and_help_are_printed() -> None:
    assert re.match(r"\d+\.\d+\.\d+", run("--version").output)
    assert "chat" in run("--help").output
