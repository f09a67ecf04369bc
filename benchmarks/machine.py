"""What a benchmark ran on, for the head of its table."""

import os
import platform
import subprocess
from pathlib import Path


def describe_machine() -> str:
    """Return processor, cores, load, Python and commit in one line."""
    processor = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    commit = done.stdout.strip() or "no commit"
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{processor}, {os.cpu_count()} cores, {load}, Python {platform.python_version()}, commit {commit}"
