"""Policies: documents, conditions, decisions; and for their authors review, cases, comparison and replay."""

from governance.policy.cases import CasesReport, Failure, read_cases, run_cases
from governance.policy.comparison import DIRECTIONS, Comparison, RuleChange, Shift, compare_policies
from governance.policy.document import PolicyDocument, RuleDocument, parse_document, read_documents
from governance.policy.policy import Policy, PolicyBook, Ruling, load_policy
from governance.policy.replay import EFFECTS, Effect, Example, Replay, Step, replay_turns
from governance.policy.review import Review, review_folder
from governance.policy.situations import Places, places_of, shipped_places, vocabulary_of

__all__ = [
    "DIRECTIONS",
    "EFFECTS",
    "CasesReport",
    "Comparison",
    "Effect",
    "Example",
    "Failure",
    "Places",
    "Policy",
    "PolicyBook",
    "PolicyDocument",
    "Replay",
    "Review",
    "RuleChange",
    "RuleDocument",
    "Ruling",
    "Shift",
    "Step",
    "compare_policies",
    "load_policy",
    "parse_document",
    "places_of",
    "read_cases",
    "read_documents",
    "replay_turns",
    "review_folder",
    "run_cases",
    "shipped_places",
    "vocabulary_of",
]
