"""Policies: documents, conditions, decisions, versions; and for their authors review, cases, comparison and replay."""

from governance.policy.book import PolicyBook
from governance.policy.cases import CasesReport, Failure, read_cases, run_cases
from governance.policy.comparison import DIRECTIONS, Comparison, RuleChange, Shift, compare_policies
from governance.policy.document import PolicyDocument, RuleDocument, parse_document, read_documents
from governance.policy.draft_check import DraftCheck, DraftText
from governance.policy.policy import Policy, Ruling, load_policy
from governance.policy.replay import EFFECTS, Effect, Example, Replay, Step, replay_turns
from governance.policy.review import Review, review_folder
from governance.policy.situations import Places, places_of, shipped_places, vocabulary_of
from governance.policy.versions import PolicyVersion, PolicyVersions, State, Transition

__all__ = [
    "DIRECTIONS",
    "EFFECTS",
    "CasesReport",
    "Comparison",
    "DraftCheck",
    "DraftText",
    "Effect",
    "Example",
    "Failure",
    "Places",
    "Policy",
    "PolicyBook",
    "PolicyDocument",
    "PolicyVersion",
    "PolicyVersions",
    "Replay",
    "Review",
    "RuleChange",
    "RuleDocument",
    "Ruling",
    "Shift",
    "State",
    "Step",
    "Transition",
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
