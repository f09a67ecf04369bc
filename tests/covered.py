"""Holds the measured coverage of lines and branches against the floor of each package: python -m tests.covered FILE.

Prints what the tests leave out, a line per file, and fails below a floor. SlipCover measures: it costs the tests hardly
any time, where a tracer took three quarters of it.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FLOORS = {"governance": 95.0, "core": 90.0}


def percent(files: Mapping[str, Any]) -> float:
    """Return the share of lines and branches that the tests ran."""
    parts = [file["summary"] for file in files.values()]
    ran, left = (
        sum(part[f"{kind}_lines"] + part[f"{kind}_branches"] for part in parts) for kind in ("covered", "missing")
    )
    return 100 * ran / (ran + left)


def main(path: Path) -> int:
    """Print each package's coverage; return 1 when one is below its floor."""
    measured, below = json.loads(path.read_text())["files"], 0
    for package, floor in FLOORS.items():
        files = {name: file for name, file in measured.items() if name.startswith(f"{package}/")}
        for name, file in sorted(files.items()):
            if file["missing_lines"]:
                print(f"{name}: {file['summary']['percent_covered']:.0f} %, not run: {_spans(file['missing_lines'])}")
        print(f"{package}: {percent(files):.1f} % of lines and branches, at least {floor:.0f} %\n")
        below += percent(files) < floor
    return int(below > 0)


def _spans(lines: list[int]) -> str:
    """Return line numbers, those in a row as from-to."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
