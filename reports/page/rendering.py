"""Pages with their style and script inside, out of the templates of this folder."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def render_page(template: str, scripts: Sequence[str], **values: Any) -> str:
    """Render a page. Texts are escaped, and the page's security policy allows its own script only.

    Args:
        template: file name of the template.
        scripts: file names of scripts, which become one.
        values: of the template, beside ``style``, ``script`` and ``script_hash``.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in scripts)
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    own = {"style": Markup(style), "script": Markup(script), "script_hash": Markup(digest)}  # noqa: S704 - our own files
    return environment.get_template(template).render(**values, **own)
