"""What reads foreign bytes holds for some thousand inputs that its own branches lead to."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no build for this machine")
ROOT = Path(__file__).parents[2]
RUNS = 6000


@pytest.mark.slow
def test_readers_refuse_with_their_own_error_alone(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tests" / "fuzz" / "readers.py", "all", f"-runs={RUNS}", "-seed=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {RUNS} runs" in done.stderr
