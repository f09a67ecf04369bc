"""The adapters that ship with the starter model: what they change, what they leave, and that their cards are true."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from core.config import Settings
from core.llm import PermitOffice, load_profile
from core.llm.transformers_engine import TransformersEngine
from core.llm.weights import digest_files, weight_files
from core.rag.prompt import render_prompt
from core.rag.sentences import split_sentences
from core.schema import Delta, GenerateConfig, GenerateRequest, Message
from core.training.starter_adapter_card import render_adapter_card
from core.training.starter_adapter_evaluation import has_form
from core.training.starter_adapter_forms import FORMS, PLAIN_LEAD
from core.training.starter_evidence import number_evidence
from core.training.starter_sources import Passage

PROFILE = load_profile("starter", Settings())
POLICY = Path(__file__).parents[3] / "data/datasets/travel-and-expenses/travel.md"
PLACES = ("Meals", "Hotels", "Planning a trip", "Trains and flights")
ANSWERS = {  # question: the sentences that answer, best first
    "How much is paid for meals?": ("Meals are paid up to 60 USD a day.",),
    "Who approves trips abroad?": ("Trips abroad are approved by the head of department as well.",),
    "When is premium economy allowed?": ("Premium economy is allowed on flights of six hours or more.",),
    "Which private costs are not paid?": ("Alcohol is not paid, except one drink per guest at a meal with customers.",),
    "Which hotel rooms are paid, and who approves every business trip?": (
        "Hotel rooms are paid up to 180 USD a night, breakfast included.",
        "Every business trip needs the approval of the manager before anything is booked.",
    ),
}


def _engine(profile):
    torch.set_num_threads(1)
    office = PermitOffice(300, clock=lambda: datetime.now(UTC))
    return TransformersEngine(profile, office=office, device="cpu"), office


def _passages():
    sections = dict(part.split("\n", 1) for part in POLICY.read_text(encoding="utf-8").split("## ")[1:])
    return [Passage("Travel policy", place, tuple(split_sentences(sections[place]))) for place in PLACES]


def _request(question, answers, *, adapter):
    scores = dict(zip(answers, (0.9, 0.8), strict=False))
    evidence = tuple(
        replace(item, sentence_scores=tuple(scores.get(sentence, 0.3) for sentence in item.sentences))
        for item in number_evidence(_passages())
    )
    prompt = render_prompt(
        [Message("user", question)],
        name="Ada",
        purpose="Answers questions about business trips.",
        style="balanced",
        evidence=evidence,
    )
    return GenerateRequest(prompt, GenerateConfig(max_tokens=120), evidence, "always", adapter)


def _ask(loaded, *, adapter):
    engine, office = loaded
    answers = []
    for question, expected in ANSWERS.items():
        request = _request(question, expected, adapter=adapter)
        permit = office.issue(request.digest(), turn_id="t")
        answers.append("".join(e.text for e in engine.generate(request, permit=permit) if isinstance(e, Delta)))
    return answers


@pytest.fixture(scope="module")
def starter():
    return _engine(PROFILE)


@pytest.fixture(scope="module")
def answers(starter):
    """What the base answers, then each adapter on the same engine, then the base again."""
    base = _ask(starter, adapter=None)
    own = {form: _ask(starter, adapter=form) for form in FORMS}
    return {"base": base, **own, "off": _ask(starter, adapter=None)}


def test_starter_offers_its_three_adapters():
    assert tuple(PROFILE.adapters) == FORMS


@pytest.mark.parametrize("form", FORMS)
def test_answers_have_the_form_of_their_adapter_and_of_no_other(answers, form):
    assert all(has_form(answer, form=form) for answer in answers[form]), answers[form]
    for other in set(FORMS) - {form}:
        assert not any(has_form(answer, form=form) for answer in answers[other])


@pytest.mark.parametrize("name", ["base", *FORMS])
def test_quotations_are_verbatim_with_their_number_whatever_is_on(answers, name):
    sentences = [passage.sentences for passage in _passages()]
    for answer, expected in zip(answers[name], ANSWERS.values(), strict=True):
        quoted = re.findall(r"“(.+?)” \[(\d)\]", answer)
        assert quoted[0][0] == expected[0]
        assert all(sentence in sentences[int(number) - 1] for sentence, number in quoted)
        assert answer.count("“") == len(quoted)


def test_brief_is_shorter_and_leads_in_with_nothing(answers):
    assert all(answer.startswith("“") for answer in answers["brief"])
    assert all(len(brief) <= len(base) for brief, base in zip(answers["brief"], answers["base"], strict=True))
    assert sum(map(len, answers["brief"])) < sum(map(len, answers["base"]))


def test_bullets_lists_a_point_for_each_thing_asked(answers):
    *_, both = answers["bullets"]
    assert both.count("\n- “") >= 2
    assert all(f"\n- “{sentence}” [" in both for sentence in list(ANSWERS.values())[-1])


def test_plain_language_says_what_quotations_and_numbers_are(answers):
    assert all(answer.startswith(PLAIN_LEAD) for answer in answers["plain-language"])
    assert not any(PLAIN_LEAD in answer for answer in answers["base"])


def test_switched_off_the_answer_is_that_of_the_base(answers):
    bare = _ask(_engine(PROFILE.model_copy(update={"adapters": {}})), adapter=None)
    assert answers["base"] == answers["off"] == bare


@pytest.mark.parametrize("form", FORMS)
def test_card_says_what_was_measured_and_digests_hold(starter, form):
    folder = Path(PROFILE.adapters[form])
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == render_adapter_card(folder, form=form)
    assert starter[0].info.adapters[form] in card
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert training["base"] == digest_files(weight_files(Path(PROFILE.model))), "train the adapters for this base"


@pytest.mark.parametrize("form", FORMS)
def test_measured_figures_keep_what_an_adapter_promises(form):
    figures = json.loads((Path(PROFILE.adapters[form]) / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["n"] >= 50
    assert figures["adapter"]["verbatim"] == figures["off_equals_base"] == 1.0
    assert figures["adapter"]["of_form"][form] > 0.9 > figures["base"]["of_form"][form]


@pytest.mark.parametrize("form", FORMS)
def test_adapter_ships_small_as_safetensors_and_names_no_machine(form):
    folder = Path(PROFILE.adapters[form])
    names = {path.name for path in folder.iterdir()}
    files = {"adapter_config.json", "adapter_model.safetensors", "evaluation.json", "training.json"}
    assert names == {"README.md", *files}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 500_000
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "starter"
