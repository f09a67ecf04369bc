import re
from pathlib import Path

import pytest

from core.config import Settings
from core.errors import ModelError
from core.llm import ModelProfile, list_profiles, load_profile


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def write(settings: Settings, name: str, text: str) -> Path:
    folder = settings.data_folder / "profiles"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_starter_is_the_directory_that_ships(settings: Settings) -> None:
    profile = load_profile("starter", settings)
    root = Path(__file__).parents[3]
    assert profile.is_local
    assert Path(profile.model) == root / "data" / "models" / "starter"


def test_lambda_7b_is_pinned_to_a_commit(settings: Settings) -> None:
    profile = load_profile("lambda-7b", settings)
    assert profile.model == "allenai/Olmo-3-7B-Instruct"
    assert not profile.is_local
    assert re.fullmatch("[0-9a-f]{40}", profile.revision or "")


def test_profile_file_is_read_with_paths_relative_to_it(settings: Settings) -> None:
    path = write(
        settings,
        "mine",
        'model = "./weights"\ndtype = "bfloat16"\nquantization = "int4"\n[adapters]\nbrief = "brief"\n',
    )
    profile = load_profile("mine", settings)
    assert profile == ModelProfile(
        name="mine",
        model=str(path.parent / "weights"),
        dtype="bfloat16",
        quantization="int4",
        adapters={"brief": str(path.parent / "brief")},
    )


def test_profiles_are_listed_built_in_first(settings: Settings) -> None:
    write(settings, "zeta", 'model = "a/b"\nrevision = "main"\n')
    write(settings, "alpha", 'model = "/m"\n')
    assert [profile.name for profile in list_profiles(settings)] == ["starter", "lambda-7b", "alpha", "zeta"]


def test_unknown_profile_error_lists_what_exists(settings: Settings) -> None:
    write(settings, "mine", 'model = "/m"\n')
    with pytest.raises(ModelError, match=r"'none'.*starter, lambda-7b, mine"):
        load_profile("none", settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "can't be read"),
        ("", "model: Field required"),
        ('model = "a/b"', "needs a revision"),
        ('model = "weights"', "neither a directory"),
        ('model = "/m"\nweights = 1', "weights: Extra inputs"),
        ('model = "/m"\ndtype = "int3"', "dtype"),
        ('model = "/m"\ncontext_tokens = "9"', "context_tokens"),
        ('model = "/m"\ncontext_tokens = 3', "context_tokens"),
        ('model = "/m"\nname = "other"', "sets name"),
        ('model = "/m"\ntrust_remote_code = true', "trust_remote_code"),
    ],
    ids=["toml", "empty", "revision", "id", "extra", "dtype", "type", "range", "name", "code"],
)
def test_profile_file_that_is_not_valid_is_refused(settings: Settings, text: str, message: str) -> None:
    write(settings, "mine", text)
    with pytest.raises(ModelError, match=message):
        load_profile("mine", settings)


def test_profile_file_of_bytes_is_refused(settings: Settings) -> None:
    write(settings, "mine", "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="can't be read"):
        list_profiles(settings)


def test_profile_file_can_not_take_a_built_in_name(settings: Settings) -> None:
    write(settings, "starter", 'model = "/m"\n')
    with pytest.raises(ModelError, match="built-in"):
        load_profile("starter", settings)


def test_profile_file_name_has_to_be_plain(settings: Settings) -> None:
    write(settings, "My Model", 'model = "/m"\n')
    with pytest.raises(ModelError, match="name"):
        load_profile("My Model", settings)
