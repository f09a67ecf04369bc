"""Rails: checks of text that report findings, and what runs and masks them."""

from governance.rails.allowing import LONGEST, PUBLIC, allow_contacts
from governance.rails.groundedness import GroundednessRail, Grounding, SupportModel
from governance.rails.guard import Classifier
from governance.rails.masks import Masker, Span, merge_spans
from governance.rails.pattern_rail import WINDOW
from governance.rails.prompt_leak import watch_prompt
from governance.rails.rail_set import ClosingRail, NamingRail, RailSet, StreamRail, build_rail_set
from governance.rails.runner import RailRunner
from governance.rails.safe_harbour import Name, NameFinder
from governance.rails.scope import OFF_SCOPE, Scope, say_scope

__all__ = [
    "LONGEST",
    "OFF_SCOPE",
    "PUBLIC",
    "WINDOW",
    "Classifier",
    "ClosingRail",
    "GroundednessRail",
    "Grounding",
    "Masker",
    "Name",
    "NameFinder",
    "NamingRail",
    "RailRunner",
    "RailSet",
    "Scope",
    "Span",
    "StreamRail",
    "SupportModel",
    "allow_contacts",
    "build_rail_set",
    "merge_spans",
    "say_scope",
    "watch_prompt",
]
