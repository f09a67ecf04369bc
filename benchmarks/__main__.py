"""Runs every benchmark, each in a process of its own so that none warms up another."""

import subprocess
import sys

from benchmarks.machine import describe_machine

ALL = (
    "goals",
    "turn",
    "engine",
    "embedding",
    "retrieval",
    "rails",
    "harm",
    "suites",
    "groundedness",
    "pii",
    "duties",
    "scope",
    "tables",
    "ledger",
    "attacks",
    "policies",
)


def main() -> int:
    """Run all benchmarks and return the number that failed."""
    print(describe_machine(), flush=True)
    failed = 0
    for name in ALL:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
