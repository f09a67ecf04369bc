"""The running policy: the documents that ship and the active versions, compiled. A broken one leaves it as it is."""

import logging
from pathlib import Path
from threading import Lock

from governance.errors import LedgerError, PolicyError
from governance.policy.condition import Vocabulary
from governance.policy.document import PolicyDocument, read_documents
from governance.policy.policy import Policy
from governance.policy.versions import PolicyVersions

log = logging.getLogger(__name__)


class PolicyBook:
    """The running policy of a folder and of the versions beside it. Safe to share between threads.

    Attributes:
        problem: Why what is in force on paper does not run; empty when it does.
    """

    def __init__(self, folder: Path, *, vocabulary: Vocabulary, versions: PolicyVersions | None = None) -> None:
        """Load the policy.

        Args:
            folder: The documents that ship.
            vocabulary: Rail -> categories that it may report.
            versions: Where active versions come from; None for the folder alone.

        Raises:
            PolicyError: It doesn't load.
        """
        self._folder = folder
        self._vocabulary = vocabulary
        self._versions = versions
        self._lock = Lock()
        self._seen = versions.latest_change() if versions else None
        self.problem = ""
        self.policy = self._load()

    @property
    def digest(self) -> str:
        """Return the running policy's digest."""
        return self.policy.digest

    def take_up(self) -> Policy:
        """Return the policy for a turn that begins now: with the versions that are active by now, all or nothing.

        A version that does not load leaves the running policy in force, and so does a ledger that can't be read: the
        turn then fails where it would be recorded.
        """
        if self._versions is None:
            return self.policy
        with self._lock:
            try:
                latest = self._versions.latest_change()
                if latest != self._seen:
                    self._seen = latest
                    self.policy, self.problem = self._load(), ""
            except PolicyError as exc:
                self.problem = str(exc)
                log.exception("the active policy versions do not load; the running policy stays in force")
            except LedgerError:
                log.exception("the ledger can't be read for active policy versions; the running policy stays in force")
            return self.policy

    def reload(self) -> Policy:
        """Replace the running policy by what is in force now.

        Raises:
            PolicyError: It doesn't load; the running policy stays.
        """
        self.policy = self._load()
        return self.policy

    def _load(self) -> Policy:
        documents: list[PolicyDocument] = (
            read_documents(self._folder) if self._versions is None else self._versions.documents()
        )
        return Policy(documents, vocabulary=self._vocabulary)
