import json

import pytest

from core.llm.profiles import ModelProfile
from core.rag.prompt import STYLES
from core.training import starter_phrases as phrases
from core.training.starter_adapter_card import EVALUATION, render_adapter_card, write_adapter_card
from core.training.starter_adapter_evaluation import has_form, is_verbatim, measure_adapters
from core.training.starter_adapter_forms import FORMS, PLAIN_LEAD
from core.training.starter_adapters import draw_turns, restyle, train_form
from core.training.starter_data import build_conversation
from core.training.starter_export import TrainingRecord, export_model
from core.training.starter_model import build_model
from core.training.starter_tokenizer import build_tokenizer, render_chat

# PEFT 0.21 reads an attribute that transformers 5.23 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def profile(sources, tiny_recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    turns = (build_conversation(sources, seed=1, index=i) for i in range(40))
    tokenizer = build_tokenizer((render_chat(t.messages) for t in turns), vocabulary=tiny_recipe.shape.vocabulary)
    model = build_model(tiny_recipe.shape, seed=1, pad=0, end=1)
    export_model(model, tokenizer, folder, record=TrainingRecord({}, "cpu", 0, 0, 0.0, []))
    return ModelProfile(name="tiny", model=str(folder), dtype="float32")


def _answering(sources, kind="policy"):
    turns = (build_conversation(sources, seed=4, index=i, kind=kind) for i in range(30))
    return [turn for turn in turns if turn.gold]


@pytest.mark.parametrize("form", FORMS)
def test_answers_have_the_form_and_their_quotations_stay_verbatim(sources, form):
    for turn in _answering(sources):
        styled = restyle(turn, form=form)
        assert has_form(styled.answer, form=form)
        assert all(is_verbatim((sentence, str(number)), turn=turn) for number, sentence in styled.gold)
        assert styled.gold[0] == turn.gold[0]


def test_forms_differ_as_their_names_say(sources):
    turn = next(t for t in _answering(sources) if len(t.gold) == 2)
    brief, bullets, plain = (restyle(turn, form=form).answer for form in FORMS)
    assert brief == phrases.quote(turn.gold[0][1], number=turn.gold[0][0])
    assert bullets.count("\n- “") in (2, 3)
    assert plain.startswith(PLAIN_LEAD)
    assert plain.count("“") == 2


def test_a_list_holds_three_at_most_and_only_what_speaks_of_the_same(sources):
    styled = [restyle(turn, form="bullets") for turn in _answering(sources)]
    assert {len(s.gold) for s in styled} <= {1, 2, 3}
    assert any(len(s.gold) > len(t.gold) for s, t in zip(styled, _answering(sources), strict=True))
    for turn in styled:
        assert len(set(turn.gold)) == len(turn.gold)


@pytest.mark.parametrize("form", FORMS)
def test_no_prompt_tells_the_form(sources, form):
    for turn in draw_turns(form, sources, seed=2, count=40):
        assert f"Style: {STYLES['balanced']}." in turn.messages[0].content


def test_refusals_and_what_is_not_found_stay_as_they_are(sources):
    for kind in ("refusal", "irrelevant", "no_evidence"):
        for index in range(10):
            turn = build_conversation(sources, seed=3, index=index, kind=kind)
            assert {restyle(turn, form=form).answer for form in FORMS} == {turn.answer}


def test_small_talk_is_short_in_brief_alone(sources):
    turn = build_conversation(sources, seed=3, index=0, kind="small_talk")
    brief, bullets, plain = (restyle(turn, form=form).answer for form in FORMS)
    assert len(brief) < len(bullets)
    assert bullets == plain


def test_the_same_seed_draws_the_same_conversations(sources):
    assert draw_turns("brief", sources, seed=5, count=6) == draw_turns("brief", sources, seed=5, count=6)
    assert draw_turns("brief", sources, seed=5, count=6) != draw_turns("brief", sources, seed=6, count=6)


def test_adapters_are_trained_measured_and_described(profile, sources, tmp_path):
    for form in FORMS:
        train_form(form, profile, sources, tmp_path / form, examples=4)
    measured = measure_adapters(tmp_path, profile, sources, samples=1)
    assert measured.counts == (1, 1)
    assert set(measured.off.values()) == {1.0}
    folder = tmp_path / "bullets"
    write_adapter_card(folder, form="bullets", measured=measured)
    figures = json.loads((folder / EVALUATION).read_text())
    assert figures["adapter"]["verbatim"] == 1.0
    card = (folder / "README.md").read_text()
    assert f"| {figures['base']['characters']:.0f} | {figures['adapter']['characters']:.0f} |" in card
    figures["adapter"]["characters"] = None
    (folder / EVALUATION).write_text(json.dumps(figures))
    assert "| not measured |" in render_adapter_card(folder, form="bullets")


def test_an_adapters_files_name_no_path_of_this_machine(profile, sources, tmp_path):
    folder = train_form("brief", profile, sources, tmp_path / "brief", examples=8)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert profile.model not in "".join(
        (folder / name).read_text() for name in ("adapter_config.json", "training.json")
    )
