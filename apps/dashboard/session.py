"""Who looks at the dashboard, and the records it shows. The cookie is checked on every run of a page."""

from functools import cache
from typing import NoReturn
from urllib.parse import urlsplit

import streamlit as st

from apps.guard import SESSION_COOKIE, SIGN_OUT
from core.config import load_settings
from governance.identity import authorize
from governance.records import Records, open_records
from governance.schema import Actor, Resource


@cache
def records() -> Records:
    """Open the records once for this process."""
    return open_records(load_settings())


def current_actor() -> Actor | None:
    """Return who is signed in, by the session cookie alone: a header can be forged where no guard stands in front."""
    cookie = st.context.cookies.get(SESSION_COOKIE)
    actor = records().identity.actor_from_cookie(cookie) if cookie else None
    return None if actor is None or records().identity.must_change_password(actor) else actor


def viewer(action: str) -> Actor:
    """Return the actor if they may take an action; otherwise say why not and end the page."""
    actor = current_actor()
    if actor is None:
        ask_to_sign_in()
    if not may(actor, action):
        st.info(
            f"Your role, {actor.role}, does not open this page. An administrator can give you another role.",
            icon=":material/lock:",
        )
        st.page_link("turns_page.py", label="See your own turns", icon=":material/list_alt:")
        st.stop()
    return actor


def may(actor: Actor, action: str) -> bool:
    """Say whether an actor may take an action on what belongs to nobody in particular."""
    return authorize(actor, action, Resource("dashboard")).allowed


def ask_to_sign_in() -> NoReturn:
    """Say where to sign in and end the page."""
    st.title("Promethios dashboard")
    st.info("Sign in at the chat app, then reload this page.", icon=":material/login:")
    st.link_button("Sign in", f"{chat_url()}sign-in", type="primary")
    st.stop()


def sign_out_form() -> str:
    """Return the form that ends the session, with the token that shows it came from this page."""
    token = records().identity.csrf_token(st.context.cookies[SESSION_COOKIE])
    return (
        f'<form method="post" action="{SIGN_OUT}" target="_top"><input type="hidden" name="csrf" value="{token}">'
        '<button type="submit" class="sign-out">Sign out</button></form>'
    )


def chat_url() -> str:
    """Return the chat app's address on the host by which the browser knows this one."""
    settings = records().settings
    here = urlsplit(st.context.url or f"http://{settings.host}/")
    host = f"[{here.hostname}]" if ":" in (here.hostname or "") else here.hostname
    return f"{here.scheme}://{host}:{settings.port}/"
