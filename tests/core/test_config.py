import re
from pathlib import Path

import pytest

from core.config import Settings, load_settings
from core.errors import SettingsError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_settings_table_in_the_docs_equals_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", DOCS.read_text(), flags=re.M)
    documented = {name: (default, text) for name, default, text in rows}
    in_code = {name: (_shown(field.default), field.description) for name, field in Settings.model_fields.items()}
    assert documented == in_code


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_settings_come_from_arguments_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "promethios.toml"
    file.write_text('port = 1001\ndashboard_port = 1002\nprofile = "from-file"\n')
    monkeypatch.setenv("PROMETHIOS_CONFIG", str(file))
    monkeypatch.setenv("PROMETHIOS_DASHBOARD_PORT", "2002")
    monkeypatch.setenv("PROMETHIOS_PROFILE", "from-environment")
    settings = load_settings(profile="from-argument")
    assert (settings.port, settings.dashboard_port, settings.profile) == (1001, 2002, "from-argument")


@pytest.mark.parametrize("name", ["PROMETHIOS_GOVERNANCE_ENABLED", "PROMETHIOS_BYPASS_GOVERNANCE", "PROMETHIOS_PROT"])
def test_unknown_variable_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "false")
    with pytest.raises(SettingsError, match=name):
        load_settings()


@pytest.mark.parametrize(
    "text",
    ["governance_enabled = false", "port = 'many'", "port = 0", "port = ", 'log_level = "loud"'],
    ids=["unknown", "type", "range", "syntax", "choice"],
)
def test_broken_settings_file_is_an_error(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "promethios.toml"
    file.write_text(text)
    monkeypatch.setenv("PROMETHIOS_CONFIG", str(file))
    with pytest.raises(SettingsError):
        load_settings()


def test_missing_settings_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHIOS_CONFIG", str(tmp_path / "ghost.toml"))
    with pytest.raises(SettingsError, match="not a file"):
        load_settings()


@pytest.mark.parametrize(
    "settings",
    [
        {"workers": 2},
        {"workers": 2, "database_url": "postgresql://h/d"},
        {"oidc_issuer": "https://id.example.org"},
    ],
    ids=["workers-embedded", "workers-embedded-vectors", "oidc-without-client"],
)
def test_contradicting_settings_are_an_error(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        load_settings(**settings)


def test_secret_settings_are_not_shown() -> None:
    settings = load_settings(database_url="postgresql://me:hunter2@h/d", master_key="c2VjcmV0")
    assert "hunter2" not in repr(settings)
    assert "c2VjcmV0" not in repr(settings)
    assert settings.sqlalchemy_url() == "postgresql://me:hunter2@h/d"


def test_database_is_in_the_data_folder_by_default(tmp_path: Path) -> None:
    assert load_settings(home=tmp_path).sqlalchemy_url() == f"sqlite:///{tmp_path.resolve()}/promethios.db"
