"""Every reader of foreign bytes holds for some thousand inputs that its own branches lead to."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no build for this machine")
ROOT = Path(__file__).parents[2]
RUNS = 3000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["note", "rotations", "receipt", "entry", "export", "policy"])
def test_reader_refuses_with_its_own_error_alone(name: str, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tests" / "fuzz" / "readers.py", name, f"-runs={RUNS}", "-seed=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {RUNS} runs" in done.stderr
