"""A turn that went on without a late rail is called degraded, by the rail's name."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import load_settings
from core.schema import Message
from governance.ledger import Ledger, load_signer
from governance.records import Records, open_records, utc_now
from tests.apps.dashboard.conftest import MASTER_KEY, Filled, _add_people, run_page
from tests.governance.door import closed, open_door
from tests.governance.late import Slow, write_late
from tests.governance.shipped import shipped_rails


@pytest.fixture
def degraded(tmp_path: Path) -> Filled:
    made = Filled(tmp_path / "home")
    opened = open_records(load_settings(home=made.home, master_key=MASTER_KEY))
    _add_people(opened, made)
    until, policies = threading.Event(), write_late(tmp_path / "policies", "late: {duties: standard}\n")
    ledger = Ledger(opened.store, signer=load_signer(made.home / "keys"), clock=utc_now)
    shipped = shipped_rails()
    rails = replace(shipped, asked=[rail for rail in shipped.asked if rail.name != "duties"] + [Slow(until)])
    door = open_door(opened.store, ledger=ledger, rails=rails, policies=policies, deadline_s=0.5)
    bea = made.people["bea"]
    made.turns["late"] = closed(list(door.native_llm.chat(bea, door.agent(bea), [Message("user", "Who pays?")])))
    until.set()
    ledger.close()
    opened.close()
    return made


def test_turn_without_a_late_rail_is_called_degraded(
    degraded: Filled, at_home: Callable[[Path], Records], signed_in: Callable[[str | None], None]
) -> None:
    at_home(degraded.home)
    signed_in(degraded.cookies["rex"])
    app = run_page("turn_page.py", turn=degraded.turns["late"].turn_id)
    assert app.title[0].value == ":green[:material/check: Answered]"
    assert [each.value for each in app.warning] == [
        "Degraded: duties did not answer in time, and the policy lets this turn go on without."
    ]
