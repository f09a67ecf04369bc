"""Draws HTML from the templates in `pages/`; every value is escaped by the template engine."""

from pathlib import Path

from starlette.templating import Jinja2Templates

_TEMPLATES = Jinja2Templates(Path(__file__).parent / "pages")
_TEMPLATES.env.trim_blocks = True
_TEMPLATES.env.lstrip_blocks = True


def draw(name: str, **shown: object) -> str:
    """Return a template's HTML."""
    return _TEMPLATES.get_template(f"{name}.html").render(shown).strip()
