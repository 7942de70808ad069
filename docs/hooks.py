"""Pages of the documentation site beside the Markdown files of this folder: files of the root, and the help of every command.

mkdocs calls ``on_files`` and ``on_page_markdown`` (``mkdocs.yml``). Links between files of the root and of this folder, which are
right in the repository, become links between pages.
"""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
ROOT_FILES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages that are no files of this folder."""
    for source, page in ROOT_FILES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page with links to pages of the site."""
    text = re.sub(r"\]\((?:\.\./)?(docs/)?([\w./-]+?)(#[\w-]+)?\)", _link, markdown)
    return text.replace("<!-- example -->\n", "")


def _link(link: re.Match[str]) -> str:
    """A link of Markdown, whose target may be relative to the root or to this folder."""
    target = ROOT_FILES.get(link[2], link[2])
    return f"]({target}{link[3] or ''})"


def commands_page() -> str:
    """Markdown of the help of all commands, as a terminal of 80 columns shows it."""
    os.environ["COLUMNS"] = "80"
    from benchmarks.__main__ import COMMANDS

    parts = [
        "# Commands\n",
        "Each command has two names: `cincgan-bench run` is `python -m benchmarks.run`. Options, examples and exit codes, as "
        "`--help` prints them:\n",
    ]
    for name, command in COMMANDS.items():
        if not command.arguments:  # those with arguments are other names of a command with options
            shown = importlib.import_module(command.module).make_parser().format_help()
            parts += [f"## {name}\n", f"{command.title[0].upper()}{command.title[1:]}.\n", f"```text\n{shown}```\n"]
    return "\n".join(parts)
