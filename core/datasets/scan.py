"""What a scan of a dataset's text reports. The scan itself is a function that the caller of an ingest hands in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What was found in the text of a version.

    Attributes:
        checks: What looked, name -> version; what is not named here did not look.
        texts: Texts seen, such as cells or passages.
        scanned: Texts that were looked at; fewer than `texts` when there were too many.
        personal: Kind of personal data -> texts that hold it.
        injected: Kind of planted instruction -> texts that hold it.
        secrets: Kind of secret, such as a key -> texts that hold it.
        unread: Texts of which only the beginning was looked at.
    """

    checks: Mapping[str, str]
    texts: int
    scanned: int
    personal: Mapping[str, int]
    injected: Mapping[str, int]
    secrets: Mapping[str, int]
    unread: int = 0

    @property
    def share(self) -> float | None:
        """Return the share of texts that were looked at; None where there were none."""
        return self.scanned / self.texts if self.texts else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-like values, `share` included."""
        return {
            "checks": dict(self.checks),
            "texts": self.texts,
            "scanned": self.scanned,
            "share": self.share,
            "unread": self.unread,
            "personal": dict(self.personal),
            "injected": dict(self.injected),
            "secrets": dict(self.secrets),
        }


Scan = Callable[[Iterable[str]], ScanResult]
