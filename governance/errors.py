"""The errors of the governance package; every one is a GovernanceError.

A refusal is not an error: it is a Decision. These are broken promises, bad input and missing rights.

GovernanceError
├── InputError            what was asked for is malformed, unknown or contradicts itself
├── AccessDenied          `authorize` said no; carries the Decision
├── SignInRefused         wrong name or password, disabled, or too many attempts
├── PolicyError           a policy document doesn't load
├── RailError             a rail raised or was late
├── ContentErased         the content's key was destroyed
└── LedgerError           the ledger can't be written or read
    └── VerificationError a ledger, checkpoint or receipt does not verify
"""

from governance.schema import Decision


class GovernanceError(Exception):
    """The root of all errors that governance raises on purpose."""


class InputError(GovernanceError):
    """What was asked for is malformed, unknown or contradicts itself."""


class AccessDenied(GovernanceError):
    """`authorize` said no."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason)
        self.decision = decision


class SignInRefused(GovernanceError):
    """Wrong name or password, disabled, or too many attempts."""


class PolicyError(GovernanceError):
    """A policy document doesn't load."""


class RailError(GovernanceError):
    """A rail raised or was late."""


class ContentErased(GovernanceError):
    """The content's key was destroyed."""


class LedgerError(GovernanceError):
    """The ledger can't be written or read."""


class VerificationError(LedgerError):
    """A ledger, checkpoint or receipt does not verify."""
