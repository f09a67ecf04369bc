"""Composes the chat app's page: the screens' parts, and the events that join them. `apps/chat_app.py` serves it."""

import html
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from pydantic import ValidationError

from apps.chat.acting import acting, web_request
from apps.chat.agent_wizard import AgentWizard
from apps.chat.agents_screen import AgentsScreen, may_create
from apps.chat.chat_screen import ChatScreen
from apps.chat.datasets_screen import DatasetsScreen, draw_adding
from apps.chat.drawing import draw
from apps.chat.frames import MAX_QUESTION_CHARS, Frame, Frames, Sent, View
from apps.chat.sidebar import Account, draw_account
from apps.chat.wizard_form import PRIVATE, WizardForm
from apps.guard import SESSION_COOKIE
from core.errors import CoreError
from governance.errors import AccessDenied, GovernanceError, InputError
from governance.schema import Actor
from governance.wiring import Workbench

FOLDER = Path(__file__).parent
CHAT_CSS = (FOLDER / "gradio.css").read_text()
# Ours stands in the head: it is there before Gradio has loaded, and Gradio does not rewrite its selectors.
STYLES, SCRIPTS = ("chat.css", "datasets.css"), ("chat.js", "datasets.js")
CHAT_HEAD = "".join(
    [f"<style>{(FOLDER / name).read_text()}</style>" for name in STYLES]
    + [f"<script>{(FOLDER / name).read_text()}</script>" for name in SCRIPTS]
)
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
CHAT_THEME = gr.themes.Base(primary_hue="orange", neutral_hue="slate", font=FONTS, font_mono=MONO).set(
    button_primary_background_fill="#c2410c",
    button_primary_background_fill_hover="#9a3412",
    button_primary_text_color="#ffffff",
    button_primary_background_fill_dark="#ff8a4c",
    button_primary_background_fill_hover_dark="#ffa473",
    button_primary_text_color_dark="#1c0d04",
    block_info_text_color="#475569",
    block_info_text_color_dark="#b6c2d2",
    block_title_text_color="#0f172a",
    block_title_text_color_dark="#f1f5f9",
)

Drawing = Callable[[Actor, Sent, View], Frame]
Streaming = Callable[[Actor, Sent, View], Frames]


CHAT_EVENTS = ("show", "start", "stop", "delete", "rate", "source", "inspect")
TURN_EVENTS = ("ask", "edit", "regenerate", "collect")
AGENT_EVENTS = ("agents", "retire")
DATASET_EVENTS = ("datasets", "dataset", "job", "cancel_job", "retry_job", "ask_about", "retire_dataset")
EVENTS = (*TURN_EVENTS, *CHAT_EVENTS, *AGENT_EVENTS, *DATASET_EVENTS)


def build_chat(workbench: Workbench) -> gr.Blocks:
    """Return the page of the chat app, to be mounted behind the guard."""
    chat, agents = ChatScreen(workbench), AgentsScreen(workbench.records)
    datasets = DatasetsScreen(workbench, show_agent=chat.show_agent)
    wizard = AgentWizard(workbench, clock=lambda: datetime.now(UTC), new_id=lambda: str(uuid.uuid4()))
    page: gr.Blocks
    with gr.Blocks(title="Promethios Workbench", analytics_enabled=False, fill_width=True) as page:
        view = gr.State(View())
        parts, account = _lay_out_chat()
        wire = gr.HTML(js_on_load=_connect(), elem_classes="wire-part")
        with gr.Column(elem_classes="view-new-agent"), gr.Column(visible=False) as maker:
            _part("wizard-head", draw("wizard"))
            form = WizardForm(wizard)
        parts += _lay_out_datasets(workbench)
        for name in TURN_EVENTS:
            _join(wire, name, _stream(getattr(chat, name)), view, parts)
        for name in CHAT_EVENTS:
            _join(wire, name, _draw(getattr(chat, name)), view, parts)
        for name in AGENT_EVENTS:
            _join(wire, name, _draw(getattr(agents, name)), view, parts)
        for name in DATASET_EVENTS:
            _join(wire, name, _draw(getattr(datasets, name)), view, parts)
        opening = page.load(_opening(workbench, chat, form), view, [*parts, account, maker, *form.lists], **PRIVATE)
        form.join(opening, view, parts, chat.show_agent)
    page.queue(default_concurrency_limit=None, api_open=False)
    return page


def _lay_out_chat() -> tuple[list[gr.HTML], gr.HTML]:
    """Return the parts that a Frame draws, in its order, and the account menu."""
    with gr.Column(elem_classes="side-part"):
        sidebar, account = _part("fill"), _part("account-part")
    _part("shade-part", '<div class="shade"></div>')
    with gr.Column(elem_classes="view-chat"):
        header, thread, live = _part("header-part"), _part("thread-part"), _part("live-part")
        _part("composer-part", draw("composer", limit=MAX_QUESTION_CHARS))
    panel = _part("panel-part", draw("loading"))
    with gr.Column(elem_classes="view-agents"):
        cards = _part("cards-part")
    return [sidebar, header, thread, live, panel, cards], account


def _lay_out_datasets(workbench: Workbench) -> list[gr.HTML]:
    """Return the parts of the screens of datasets: what was found, one dataset, one job."""
    with gr.Column(elem_classes="view-datasets"):
        _part("find-part", draw("find"))
        found = _part("found-part", draw("line", text="Loading…"))
    with gr.Column(elem_classes="view-dataset"):
        dataset = _part("dataset-part", draw("line", text="Loading…"))
    with gr.Column(elem_classes="view-add-data"):
        _part("add-part", draw_adding(workbench.records.settings))
    with gr.Column(elem_classes="view-job"):
        job = _part("job-part", draw("line", text="Loading…"))
    return [found, dataset, job]


def _part(name: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, elem_classes=name, apply_default_css=False)


def _connect() -> str:
    """Return the script that hands the page's events over; Gradio finds their names in it."""
    names = ", ".join(f'"{name}"' for name in EVENTS)
    return f"workbench.connect(trigger, [{names}]);"


def _join(wire: gr.HTML, name: str, handler: Callable[..., Any], view: gr.State, parts: list[gr.HTML]) -> None:
    getattr(wire, name)(handler, view, parts, trigger_mode="multiple", **PRIVATE)


def _draw(screen: Drawing) -> Callable[..., list[Any]]:
    """Return a screen's handler as Gradio calls it: the actor comes from the guard, what was sent is validated."""

    def draw_parts(view: View, event: gr.EventData, request: gr.Request) -> list[Any]:
        try:
            return screen(acting(request), read_sent(event), view).updates()
        except (CoreError, GovernanceError) as exc:
            raise _shown(exc) from exc

    return draw_parts


def _stream(screen: Streaming) -> Callable[..., Iterator[list[Any]]]:
    def stream_parts(view: View, event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        try:
            with closing(screen(acting(request), read_sent(event), view)) as frames:
                for frame in frames:
                    yield frame.updates()
        except (CoreError, GovernanceError) as exc:
            raise _shown(exc) from exc

    return stream_parts


def _opening(workbench: Workbench, chat: ChatScreen, form: WizardForm) -> Callable[..., list[Any]]:
    def open_page(view: View, request: gr.Request) -> list[Any]:
        actor, sent = acting(request), Sent(conversation=request.query_params.get("c", "")[:64])
        frame = chat.open(actor, sent, view)
        port = workbench.records.settings.dashboard_port
        view.dashboard = dashboard_url(str(web_request(request).url), port=port)
        account = Account(
            actor=actor,
            dashboard_url=view.dashboard,
            csrf=workbench.records.identity.csrf_token(request.cookies[SESSION_COOKIE]),
        )
        return [*frame.updates(), draw_account(account), gr.Column(visible=may_create(actor)), *form.choices()]

    return open_page


def read_sent(event: gr.EventData) -> Sent:
    """Return what the page sent.

    Raises:
        InputError: It is not what our own page sends.
    """
    try:
        return Sent.model_validate(event._data)
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors(include_input=False))
        raise InputError(f"The page sent something that can't be read: {problems}. Reload the page.") from exc


def dashboard_url(url: str, *, port: int) -> str:
    """Return the dashboard's address: the same host, its own port."""
    here = urlsplit(url)
    host = f"[{here.hostname}]" if here.hostname and ":" in here.hostname else here.hostname
    return f"{here.scheme}://{host}:{port}/"


def _shown(exc: Exception) -> gr.Error:
    message = exc.decision.message or exc.decision.reason if isinstance(exc, AccessDenied) else str(exc)
    return gr.Error(html.escape(message), title="That did not work", print_exception=False)
