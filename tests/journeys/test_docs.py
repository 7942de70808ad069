"""What the documents promise to tools and readers: links, commands, the pages of the site."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image as PillowImage

from benchmarks.catalog.methods import is_method
from tests.conftest import ROOT
from tests.helpers.documents import DOCUMENTS, PAGES, blocks, call, code_in_prose, commands_of_other_blocks
from tests.helpers.examples import EXAMPLES

OF_EXAMPLES = {path for example in EXAMPLES for path in example.files}
RUN = {ROOT / "README.md", ROOT / "docs" / "start.md"}  # documents with blocks that tests run
NAMES_ALONE = {  # commands without the arguments or the executor that they need
    "python -m benchmarks.calibrate",
    "python -m benchmarks.run --all --profile smoke --executor apart",
}


def test_the_quick_start_is_two_blocks_of_one_line() -> None:
    section = re.search(r"^## Quick start\n(.*?)(?=^## )", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    assert section
    run, test = re.findall(r"^```bash\n(.*?)^```", section.group(1), re.S | re.M)
    assert run.strip() == "pip install -e . && python -m benchmarks.run --all"
    assert test.strip() == "pip install -e '.[test]' && python -m pytest -n 2 --dist loadfile"


def anchors(document: Path) -> set[str]:
    """Anchors of a document's headings, as mkdocs and GitHub make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([\w-]+))?\)", text):
        path = document.parent / target if target else document
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"
    variants = {name for name in re.findall(r"`(cincgan/[\w-]+)`", text) if is_method(name)}
    for path in set(re.findall(r"`((?:benchmarks|cincgan|baselines|datasets|reports|tests|docs)/[\w./-]+)`", text)) - variants:
        assert (ROOT / path).exists() or path in OF_EXAMPLES, path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_have_the_options_that_are_written_down(document: Path) -> None:
    for block in blocks(document):
        for line in block.lines:
            parse(line)
    for code in code_in_prose(document):
        if "…" not in code and code not in NAMES_ALONE:
            parse(code)


def parse(line: str) -> None:
    """Parse a line that calls a command of the project; other lines are left alone. Raises UsageError for what does not exist."""
    if called := call(line):
        module, arguments = called
        importlib.import_module(module).make_parser().parse_args(arguments)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_blocks_of_commands_are_marked_as_examples_or_run_by_a_test(document: Path) -> None:
    unmarked = [block.lines for block in blocks(document) if not block.is_example]
    assert not unmarked or document in RUN, f"{document.name}: {unmarked}: write <!-- example --> above the block"
    assert not list(commands_of_other_blocks(document)), f"{document.name}: begin the block with ```bash"


@pytest.mark.train
def test_the_first_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks without a mark of docs/start.md, in the user's folder that the page describes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "originals").mkdir()
    original = PillowImage.radial_gradient("L").resize((192, 192)).convert("RGB")
    original.save("originals/photo.png")
    original.resize((48, 48)).save("photo.jpg")
    lines = [line for block in blocks(ROOT / "docs" / "start.md") if not block.is_example for line in block.lines]
    assert len(lines) == 3
    for line in lines:
        called = call(line)
        assert called, line
        assert importlib.import_module(called[0]).main(called[1]) == 0, capsys.readouterr().err
    assert (tmp_path / "runs" / "report" / "index.html").is_file()
    assert "PSNR" in capsys.readouterr().out


def test_every_page_is_in_the_sites_navigation() -> None:
    """mkdocs itself would say so, but is not installed for tests."""
    pages: list[str] = []

    def collect(entry: Any) -> None:
        for value in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
            collect(value)
        if isinstance(entry, str):
            pages.append(entry)

    collect(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    made = {"index.md", "commands.md", *(name.lower() for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"))}
    assert sorted(pages) == sorted({*made, *(path.name for path in PAGES)})
