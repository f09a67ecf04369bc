"""What a training says on the way: a line at a time, at once, also into a pipe."""

import sys


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
