"""What the documents promise to tools and readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.catalog.methods import is_method
from tests.conftest import ROOT
from tests.helpers.examples import EXAMPLES

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OF_EXAMPLES = {path for example in EXAMPLES for path in example.files}


def test_the_quick_start_is_two_blocks_of_one_line() -> None:
    section = re.search(r"^## Quick start\n(.*?)(?=^## )", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    assert section
    run, test = re.findall(r"^```bash\n(.*?)^```", section.group(1), re.S | re.M)
    assert run.strip() == "pip install -e . && python -m benchmarks.run --all"
    assert test.strip() == "pip install -e '.[test]' && python -m pytest -n 2 --dist loadfile"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (document.parent / target).exists(), target
    variants = {name for name in re.findall(r"`(cincgan/[\w-]+)`", text) if is_method(name)}
    for path in set(re.findall(r"`((?:benchmarks|cincgan|baselines|datasets|reports|tests|docs)/[\w./-]+)`", text)) - variants:
        assert (ROOT / path).exists() or path in OF_EXAMPLES, path
