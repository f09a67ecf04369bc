"""Who acts in a Gradio event: the actor that the guard found on the request that sent it, and nobody else."""

import gradio as gr
from starlette.requests import Request

from apps.guard import actor_of
from governance.errors import AccessDenied
from governance.schema import Actor, Decision


def web_request(request: gr.Request) -> Request:
    """Return the web request behind an event.

    Raises:
        AccessDenied: There is none, so nobody can be known.
    """
    if request.request is None:
        raise AccessDenied(Decision("block", "the event came without a web request", "access.nobody", "Sign in first."))
    return request.request


def acting(request: gr.Request) -> Actor:
    """Return who acts.

    Raises:
        AccessDenied: The guard did not see the request.
    """
    return actor_of(web_request(request))
