"""Policies: documents, conditions, decisions."""

from governance.policy.document import PolicyDocument, RuleDocument, parse_document, read_documents
from governance.policy.policy import Policy, PolicyBook, Ruling, load_policy

__all__ = [
    "Policy",
    "PolicyBook",
    "PolicyDocument",
    "RuleDocument",
    "Ruling",
    "load_policy",
    "parse_document",
    "read_documents",
]
