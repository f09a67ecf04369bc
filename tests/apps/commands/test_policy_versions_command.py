"""`promethios policy` and `promethios review` as people run them, one after the other, on one data folder."""

import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli import app
from core.config import load_settings
from core.schema import Message
from governance.records import open_records
from governance.schema import Actor
from tests.governance.door import closed, open_door
from tests.governance.house_policy import CASES, MENTION, RULES

RUN = CliRunner()
PASSWORD = "seven-otters-swim-north"


@pytest.fixture(autouse=True)
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Actor]:
    """An admin, and a reviewer "rex", in a data folder of this test alone."""
    monkeypatch.setenv("PROMETHIOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PROMETHIOS_MASTER_KEY", base64.b64encode(bytes(32)).decode())  # the door's
    records = open_records(load_settings())
    admin, _ = records.identity.first_admin()
    assert admin is not None
    rex = records.identity.create_user(admin, "rex", role="reviewer", password=PASSWORD, must_change_password=False)
    records.close()
    return {"admin": admin, "rex": Actor(rex.id, rex.name, rex.role)}


def run(*arguments: object, code: int = 0) -> str:
    result = RUN.invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def test_a_version_is_proposed_reviewed_activated_and_retired(tmp_path: Path) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(RULES)
    assert "only the rules that ship are in force" in run("policy", "list")
    unfit = run("policy", "propose", file, "--why", "Phones leaked.")
    assert "problem: " in unfit
    assert "Not fit to be reviewed yet: correct house.yaml" in unfit
    assert "can't become reviewed" in run("policy", "review", "house@1", "--why", "Yes.", "--as", "rex", code=1)
    (tmp_path / "house.cases.yaml").write_text(CASES)
    proposed = run("policy", "propose", file, "--why", "Phones leaked.")
    assert "Proposed house@2." in proposed
    assert "somebody other than admin: promethios policy review house@2" in proposed
    looked = run("policy", "review", "house@2")
    assert "added: house.phones" in looked
    assert "To agree: promethios policy review house@2" in looked
    assert "somebody else has to review it" in run("policy", "review", "house@2", "--why", "Mine.", code=1)
    assert "is a draft" in run("policy", "activate", "house@2", "--why", "Now.", code=1)
    run("policy", "review", "house@2", "--why", "Read it.", "--as", "rex")
    assert "house@2 is in force" in run("policy", "activate", "house@2", "--why", "Now.")
    listed = run("policy", "list")
    assert [cell.strip() for cell in _row(listed, "house@2")][1:2] == ["active"]
    assert "rex" in listed
    assert "house@2 is retired" in run("policy", "retire", "house@2", "--why", "Over.")
    shown = run("policy", "show", "house@2")
    assert shown.index("draft  by admin") < shown.index("reviewed  by rex") < shown.index("retired  by admin")
    assert "id: house" in shown
    assert "is not a file" in run("policy", "propose", tmp_path / "none.yaml", "--why", "x", code=1)


def test_a_held_turn_is_listed_and_released(people: dict[str, Actor]) -> None:
    assert "Nothing waits for a person." in run("review", "list")
    records = open_records(load_settings())
    door = open_door(records.store, ledger=records.ledger)
    agent = door.agent(people["admin"], level="enhanced")
    held = [
        closed(list(door.native_llm.chat(people["admin"], agent, [Message("user", MENTION)]))).turn_id for _ in range(2)
    ]
    records.close()
    listed = run("review", "list")
    assert all(turn in listed for turn in held)
    assert "core.harm.review-mentions" in listed
    assert "somebody else has to decide" in run("review", "release", held[0], "--reason", "Mine.", code=1)
    assert "Released." in run("review", "release", held[0], "--reason", "It is news.", "--as", "rex")
    assert "Refused for good." in run("review", "refuse", held[1], "--reason", "No.", "--as", "rex")
    assert "Nothing waits for a person." in run("review", "list")
    assert "released" in run("review", "list", "--all")
    assert "Upheld" in run("review", "uphold", held[1], "--reason", "Right.", "--as", "rex")
    assert "no sealed turn" in run("review", "overturn", "nowhere", "--reason", "No.", code=1)


def _row(table: str, first: str) -> list[str]:
    line = next(line for line in table.splitlines() if first in line)
    return line.split("│")[1:-1]
