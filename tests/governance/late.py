"""A rail that is late, and policies that let rails be."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from governance.schema import Finding
from tests.governance.policy.drafts import write_draft
from tests.governance.shipped import shipped_rails


@dataclass
class Slow:
    """The rail of duties, that hangs until the test is over."""

    until: threading.Event
    raises: bool = False
    closes: bool = True
    name: str = "duties"
    version: str = "1"
    categories: frozenset[str] = field(default_factory=lambda: shipped_rails().all()["duties"].categories)

    def inspect(self, text: str) -> list[Finding]:
        if self.raises:
            raise RuntimeError("the rail broke")
        self.until.wait(20)
        return []


def write_late(folder: Path, late: str) -> Path:
    write_draft(folder)
    path = folder / "duties.yaml"
    path.write_text(path.read_text() + late)
    return folder
