"""Origin of images: archives and file names by which a paper's data are recognised, whatever a data set is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.data.acquisition import store
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.file_sets import FileSet
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.degradations.bicubic import Bicubic
from reports.paper import load_papers
from tests.helpers.tiny_archives import CLOSED, IMAGES, OTHER, SHA256, ZIP, empty_root, get, tiny  # noqa: F401 - a fixture


def card(name: str = "mine", last: int = 4) -> ImageFolders:
    """A data set of four images, whose card has the archive's hash."""
    files = FileSet("tiny", "{}.png", 1, last)
    return ImageFolders(name, "Tiny", "image-folders", 4, "", "", "", archives=(tiny(CLOSED, SHA256),), test_hr=files)


def prepared(content: bytes, tmp_path: Path, own: ImageFolders) -> str:
    """Origin of the test images after their archive, with this content, was unpacked."""
    (tmp_path / "own.zip").write_bytes(content)
    get(replace(own.archives[0], sha256=None), local_file=tmp_path / "own.zip")
    return own.origin("test")


def test_images_from_the_cards_archive_have_the_declared_origin(tmp_path: Path) -> None:
    assert card().origin("test") == "", "not prepared"
    assert prepared(ZIP, tmp_path, card()) == card().declared_origin("test") != ""
    assert card("another-name").origin("test") == card().origin("test")
    assert card().origin("x") == "", "no such images"
    described = Dataset(card(), Bicubic()).describe(("test",))
    assert described["origin"] == {"test": card().origin("test")}


def test_other_images_under_the_same_names_have_another_origin(tmp_path: Path) -> None:
    origin = prepared(OTHER, tmp_path, card())
    assert origin not in ("", card().declared_origin("test"))


def test_files_that_were_unpacked_by_hand_are_not_known_to_be_the_archives() -> None:
    folder = store.folder(card().archives[0])
    folder.mkdir(parents=True)
    for name, content in IMAGES.items():
        (folder / name).write_bytes(content)
    get(card().archives[0])
    assert card().origin("test") not in ("", card().declared_origin("test"))


def test_an_edited_card_has_another_origin(tmp_path: Path) -> None:
    declared = card().declared_origin("test")
    assert prepared(ZIP, tmp_path, card(last=3)) not in ("", declared), "fewer images"
    assert replace(card(), scale=2).declared_origin("test") != declared
    without = replace(card(), archives=(tiny(CLOSED),))
    assert without.declared_origin("test") == ""


def test_papers_know_their_data_by_the_origin_that_the_card_declares() -> None:
    """A card that is edited is no longer the paper's data. A new origin is printed by the command in the paper's file."""
    for paper in (paper for paper in load_papers().values() if paper.origin):
        own = load_dataset_card(paper.dataset)
        assert isinstance(own, ImageFolders)
        assert paper.origin == {split: own.declared_origin(split) for split in paper.origin}
        assert {"x", "z", "pairs", "test"} <= paper.origin.keys()
