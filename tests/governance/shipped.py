"""The rails that ship, on the models that ship; loaded once for all tests of a process."""

from functools import cache

from core.encoder.guard_reader import GuardReader
from core.rag.support import SupportReader
from governance.rails import RailSet, build_rail_set
from governance.wiring import DATA


@cache
def shipped_rails() -> RailSet:
    guard = GuardReader(DATA / "models" / "guard", threads=1)
    return build_rail_set(guard, SupportReader(DATA / "models" / "support"), guard)
