"""Lays out the wizard's steps in Gradio components and joins them to the handlers of `agent_wizard`."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from apps.chat.acting import acting
from apps.chat.agent_wizard import ANY_CATEGORY, NO_USE, STYLES, AgentWizard, Decided
from apps.chat.drawing import draw
from apps.chat.frames import Frame, View
from apps.chat.sidebar import DOMAIN_WORDS, LEVEL_WORDS, SCOPE_WORDS
from core.errors import CoreError
from governance.errors import GovernanceError
from governance.schema import DOMAINS, LEVELS, SCOPES, Actor, AgentView

PURPOSE, MODEL, DATASETS, LEVEL, TEST, CREATE = range(6)
PRIVATE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None, "show_progress": "hidden"}
LEVEL_CHOICES = [(f"{level.capitalize()}: {LEVEL_WORDS[level]}", level) for level in LEVELS]
DOMAIN_CHOICES = [(f"{domain.capitalize()}: {DOMAIN_WORDS[domain]}", domain) for domain in DOMAINS]
SCOPE_CHOICES = [(f"{scope.capitalize()}: {SCOPE_WORDS[scope]}", scope) for scope in SCOPES]

Created = Callable[[Actor, AgentView, View], Frame]


class WizardForm:
    """The wizard on the page. Build it inside a `gr.Blocks`, then call `join`."""

    def __init__(self, wizard: AgentWizard) -> None:
        self._wizard = wizard
        self._chosen = gr.State(())
        self._problem = _html(elem_id="wizard-problem")
        with gr.Walkthrough(selected=PURPOSE, elem_id="wizard") as self._steps:
            self._lay_out_purpose()
            self._lay_out_model()
            self._lay_out_datasets()
            self._lay_out_level()
            self._lay_out_test()
            self._lay_out_create()

    def join(self, opening: Any, view: gr.State, parts: list[gr.HTML], created: Created) -> None:
        """Join buttons and fields to their handlers.

        Args:
            opening: The event that fills the page when it opens.
            view: What the person looks at.
            parts: What a Frame draws.
            created: Draws the page after the agent exists.
        """
        decided = set(self._decided)
        self._to_model.click(self._check_purpose, [self._name, self._purpose], [self._steps, self._problem], **PRIVATE)
        for button, step in self._moves:
            button.click(_go_to(step), None, [self._steps, self._problem], **PRIVATE)
        self._to_create.click(self._summarise, decided, [self._steps, self._summary, self._problem], **PRIVATE)
        search = [self._search, self._category, self._chosen]
        found = [self._picks, self._found]
        narrowed = [self._search.change, self._category.input]  # a pasted text is one event, told before its value
        gr.on(narrowed, self._find, search, found, trigger_mode="always_last", **PRIVATE)
        # after the opening, with what was typed meanwhile: an answer to an empty search may not come last
        opening.then(self._find, search, found, **PRIVATE)
        picked = self._picks.input(self._pick, [*search, self._picks], [self._chosen], **PRIVATE)
        picked.then(self._say_chosen, decided, [self._picked], **PRIVATE)
        self._used_for.input(self._say_chosen, decided, [self._picked], **PRIVATE)
        gr.on(
            [self._run_test.click, self._question.submit],
            self._test,
            decided | {self._question},
            self._answer,
            **PRIVATE,
        )
        self._create.click(
            self._creating(view, created), decided | {view}, [*parts, self._steps, self._name, self._problem], **PRIVATE
        ).then(None, js="() => { if (!document.querySelector('#wizard-problem .problem')) location.hash = '' }")

    def choices(self) -> tuple[Any, ...]:
        """Return what the lists hold now, for when the page opens: adapters, categories, uses."""
        lists = self._wizard.adapters(), *self._wizard.named_by_cards()
        return tuple(gr.update(choices=each) for each in lists)

    @property
    def lists(self) -> list[Any]:
        """Return the components that `choices` fills."""
        return [self._adapter, self._category, self._used_for]

    def _lay_out_purpose(self) -> None:
        with gr.Step("Purpose", id=PURPOSE):
            self._name = gr.Textbox(
                label="Name", info="2 to 80 characters; people pick the agent by it.", max_length=80
            )
            self._purpose = gr.Textbox(
                label="Purpose",
                info="What it is for and for whom, in a sentence or two. The model reads it too.",
                lines=3,
                max_length=600,
            )
            self._style = gr.Radio(STYLES, value="balanced", label="Style of its answers")
            self._to_model = gr.Button("Next: model", variant="primary", elem_id="to-model")
        self._moves: list[tuple[gr.Button, int]] = []

    def _lay_out_model(self) -> None:
        with gr.Step("Model", id=MODEL):
            profile = self._wizard.profile
            _html(_line(f"This workbench runs the model profile {profile}. Every agent here uses it."))
            self._adapter = gr.Radio([], value="", label="Adapter", info="A fine-tuned variant of the model.")
            self._lay_out_moves("Next: datasets", MODEL)

    def _lay_out_datasets(self) -> None:
        with gr.Step("Datasets", id=DATASETS):
            with gr.Row():
                self._search = gr.Textbox(
                    "", label="Search", placeholder="Title, description or id", scale=3, min_width=240
                )
                self._category = gr.Dropdown([ANY_CATEGORY], value="", label="Category", scale=2, min_width=200)
            self._found = _html()
            self._picks = gr.CheckboxGroup([], label="Datasets that it may answer from", elem_id="dataset-picks")
            self._used_for = gr.Dropdown(
                [NO_USE],
                value="",
                allow_custom_value=True,
                label="Used for",
                info="One purpose. What a card or a licence limits to others is left out of its searches.",
                elem_id="used-for",
            )
            self._picked = _html(_line("None chosen: the agent can't look anything up."))
            self._lay_out_moves("Next: governance", DATASETS)

    def _lay_out_level(self) -> None:
        with gr.Step("Governance", id=LEVEL):
            self._level = gr.Radio(
                LEVEL_CHOICES,
                value="standard",
                label="Level",
                info="No level turns checks off; a higher one only adds to them.",
            )
            self._domain = gr.Radio(
                DOMAIN_CHOICES, value="general", label="Domain", info="Whose rules hold beside those of every agent."
            )
            self._scope = gr.Radio(SCOPE_CHOICES, value="open", label="Scope")
            self._allow = gr.Textbox(
                "",
                label="Public contact details",
                info="E-mail addresses and phone numbers that need no mask, such as a helpdesk's, one a line.",
                lines=2,
            )
            self._lay_out_moves("Next: test", LEVEL)

    def _lay_out_test(self) -> None:
        with gr.Step("Test", id=TEST):
            _html(_line("Ask what its users would ask. Tests are real turns: checked and sealed like any other."))
            self._question = gr.Textbox(label="Question", max_length=2000, elem_id="test-question")
            self._run_test = gr.Button("Ask")
            self._answer = _html(elem_id="test-answer")
            with gr.Row():
                self._moves.append((gr.Button("Back"), TEST - 1))
                self._to_create = gr.Button("Next: create", variant="primary")

    def _lay_out_create(self) -> None:
        with gr.Step("Create", id=CREATE):
            self._summary = _html()
            with gr.Row():
                self._moves.append((gr.Button("Back"), TEST))
                self._create = gr.Button("Create agent", variant="primary", elem_id="create-agent")

    @property
    def _decided(self) -> dict[Any, str]:
        """Return the components that a person fills in, with the names of what they decide."""
        return {
            self._name: "name",
            self._purpose: "purpose",
            self._style: "style",
            self._adapter: "adapter",
            self._level: "level",
            self._chosen: "dataset_ids",
            self._domain: "domain",
            self._scope: "scope",
            self._allow: "allow",
            self._used_for: "used_for",
        }

    def _read(self, sent: dict[Any, Any]) -> Decided:
        fields = {name: sent[component] for component, name in self._decided.items()}
        return Decided(**fields | {"dataset_ids": tuple(fields["dataset_ids"])})

    def _lay_out_moves(self, label: str, step: int) -> None:
        with gr.Row():
            self._moves += [(gr.Button("Back"), step - 1), (gr.Button(label, variant="primary"), step + 1)]

    def _check_purpose(self, name: str, purpose: str, request: gr.Request) -> tuple[Any, str]:
        try:
            self._wizard.check_purpose(acting(request), name, purpose)
        except (CoreError, GovernanceError) as exc:
            return gr.skip(), _draw_problem(exc)
        return gr.Walkthrough(selected=MODEL), ""

    def _find(self, text: str, category: str, chosen: tuple[str, ...]) -> tuple[Any, str]:
        choices, found = self._wizard.choices(text, category)
        shown = {value for _, value in choices}
        return gr.update(choices=choices, value=[each for each in chosen if each in shown]), _line(found)

    def _pick(self, text: str, category: str, chosen: tuple[str, ...], picked: list[str]) -> tuple[str, ...]:
        return self._wizard.pick(text, category, chosen, picked)

    def _say_chosen(self, sent: dict[Any, Any], request: gr.Request) -> str:
        try:
            return "".join(_line(each) for each in self._wizard.say_chosen(acting(request), self._read(sent)))
        except (CoreError, GovernanceError) as exc:
            return _draw_problem(exc)

    def _summarise(self, sent: dict[Any, Any]) -> tuple[Any, Any, str]:
        try:
            return gr.Walkthrough(selected=CREATE), self._wizard.summary(self._read(sent)), ""
        except (CoreError, GovernanceError) as exc:
            return gr.skip(), gr.skip(), _draw_problem(exc)

    def _test(self, sent: dict[Any, Any], request: gr.Request) -> Iterator[str]:
        try:
            yield from self._wizard.test(acting(request), self._read(sent), sent[self._question])
        except (CoreError, GovernanceError) as exc:
            yield _draw_problem(exc)

    def _creating(self, view: gr.State, created: Created) -> Callable[..., list[Any]]:
        def create(sent: dict[Any, Any], request: gr.Request) -> list[Any]:
            actor = acting(request)
            try:
                agent = self._wizard.create(actor, self._read(sent))
            except (CoreError, GovernanceError) as exc:
                return [*Frame().updates(), gr.skip(), gr.skip(), _draw_problem(exc)]
            return [*created(actor, agent, sent[view]).updates(), gr.Walkthrough(selected=PURPOSE), "", ""]

        return create


def _html(value: str = "", **options: Any) -> gr.HTML:
    return gr.HTML(value, apply_default_css=False, **options)


def _go_to(step: int) -> Callable[[], tuple[Any, str]]:
    return lambda: (gr.Walkthrough(selected=step), "")


def _draw_problem(exc: Exception) -> str:
    return draw("problem", problem=str(exc))


def _line(text: str) -> str:
    return draw("line", text=text)
