"""Engines, model profiles, permits, quoting, adapters.

`core.llm.transformers_engine` is not imported here: it needs torch, and most processes don't.
"""

from core.llm.echo import EchoEngine
from core.llm.permits import PermitOffice
from core.llm.profiles import ModelProfile, list_profiles, load_profile

__all__ = ["EchoEngine", "ModelProfile", "PermitOffice", "list_profiles", "load_profile"]
