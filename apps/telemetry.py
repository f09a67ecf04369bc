"""Keeps the libraries that both apps are made of from reporting home."""

from collections.abc import MutableMapping

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}


def quiet_telemetry(environment: MutableMapping[str, str]) -> None:
    """Set the variables that turn telemetry off, whatever they were; call it before a server starts."""
    environment.update(QUIET)
