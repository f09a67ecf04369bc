"""Rails: checks of text that report findings, and what runs and masks them."""

from governance.rails.allowing import LONGEST, PUBLIC, allow_contacts
from governance.rails.groundedness import Grounding, SupportModel
from governance.rails.guard import Classifier
from governance.rails.masks import Masker, Span, merge_spans
from governance.rails.pattern_rail import WINDOW
from governance.rails.rail_set import NamingRail, RailSet, StreamRail, build_rail_set
from governance.rails.runner import RailRunner

__all__ = [
    "LONGEST",
    "PUBLIC",
    "WINDOW",
    "Classifier",
    "Grounding",
    "Masker",
    "NamingRail",
    "RailRunner",
    "RailSet",
    "Span",
    "StreamRail",
    "SupportModel",
    "allow_contacts",
    "build_rail_set",
    "merge_spans",
]
