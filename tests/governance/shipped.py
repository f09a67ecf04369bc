"""The rails that ship, on the guard model that ships; loaded once for all tests of a process."""

from functools import cache

from core.encoder.guard_reader import GuardReader
from governance.rails import RailSet, build_rail_set
from governance.wiring import DATA


@cache
def shipped_rails() -> RailSet:
    return build_rail_set(GuardReader(DATA / "models" / "guard", threads=1))
