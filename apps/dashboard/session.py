"""Who looks at the dashboard, and the records it shows. The cookie is checked on every run of a page."""

from functools import cache
from typing import NoReturn

import streamlit as st

from apps.guard import SESSION_COOKIE
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
    return records().identity.actor_from_cookie(cookie) if cookie else None


def viewer(action: str) -> Actor:
    """Return the actor if they may take an action; otherwise say why not and end the page."""
    actor = current_actor()
    if actor is None:
        ask_to_sign_in()
    decision = authorize(actor, action, Resource("dashboard"))
    if not decision.allowed:
        st.info(f"Your role, {actor.role}, may not see this page: {decision.reason}.", icon=":material/lock:")
        st.stop()
    return actor


def ask_to_sign_in() -> NoReturn:
    """Say where to sign in and end the page."""
    settings = records().settings
    st.title("Promethios dashboard")
    st.info("Sign in at the chat app, then reload this page.", icon=":material/login:")
    st.link_button("Sign in", f"http://{settings.host}:{settings.port}/sign-in")
    st.stop()
