"""The pages' templates, and what every page has in common: nothing from elsewhere, guests' text escaped and bounded."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.document import printable


@cache
def environment() -> Environment:
    """Escapes everything; `text | short(LIMIT)` bounds a text and makes it printable."""
    made = Environment(
        loader=PackageLoader("lab.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["short"] = lambda text, limit=2000: printable(str(text), limit)
    return made


def own_file(name: str) -> Markup:
    """A style or a script of this package, to stand in a page as it is."""
    return Markup(files("lab.report").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704


def source_hash(script: Markup) -> str:
    """What a Content-Security-Policy calls a script by; the script stands between line feeds in its element."""
    digest = hashlib.sha256(f"\n{script}\n".encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def render(template: str, **values: Any) -> str:
    """A page. Raises jinja2 errors for a template's mistake only."""
    return environment().get_template(template).render(**values)
