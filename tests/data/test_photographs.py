"""Photographs of images: named by cards, by results and by files of a user; never concluded from names alone."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.core.text import csv_text
from benchmarks.data.cards import ImageGroup, load_dataset_card
from benchmarks.data.photographs import read_photographs

IMAGES = ["a-0-0", "a-0-64", "b"]


def test_regions_show_the_photograph_or_scene_of_the_card() -> None:
    card = load_dataset_card("demo-photos")
    shown = [image.name for image in card.sources("test").hr.images]
    assert len({card.photograph(image) for image in shown}) < len(shown)
    assert card.photograph("coffee-1-2") == "coffee", "also of a region that the card had once"
    assert card.photograph("motorcycle-left-58-82") == card.photograph("motorcycle-right-58-82") == "motorcycle"
    assert card.photograph("street-1-2") == "street-1-2", "a name alone says nothing"


def test_other_kinds_have_a_photograph_an_image_unless_the_card_says_otherwise() -> None:
    card = load_dataset_card("set5")
    assert card.photograph("img_001") == "img_001"
    grouped = replace(card, groups=(ImageGroup("street", ("img_001", "img_002")),))
    assert [grouped.photograph(image) for image in ("img_001", "img_002", "img_003")] == ["street", "street", "img_003"]


def test_a_users_file_names_photographs(tmp_path: Path) -> None:
    path = tmp_path / "crops.csv"
    path.write_text("a-0-0,a\na-0-64,a\n\n")
    assert read_photographs(path, IMAGES) == {"a-0-0": "a", "a-0-64": "a", "b": "b"}


@pytest.mark.parametrize(
    "text",
    ["image,photograph\na-0-0,a\na-0-64,a\n", "\ufeffImage, Photograph\r\na-0-0,a\r\na-0-64,a\r\n", "\ufeffa-0-0,a\na-0-64,a\n"],
)
def test_a_heading_and_a_byte_order_mark_are_understood(text: str, tmp_path: Path) -> None:
    path = tmp_path / "crops.csv"
    path.write_bytes(text.encode())
    assert read_photographs(path, IMAGES) == {"a-0-0": "a", "a-0-64": "a", "b": "b"}


def test_an_image_that_is_called_image(tmp_path: Path) -> None:
    (tmp_path / "crops.csv").write_text("image,photograph\nb,photograph\n")
    assert read_photographs(tmp_path / "crops.csv", ["image", "b"]) == {"image": "photograph", "b": "photograph"}


@pytest.mark.parametrize("name", ["-dash", "=1+1", "@home", "'quoted", "''", "+", "plain", "-'a,b\""])
def test_names_out_of_a_table_are_understood(name: str, tmp_path: Path) -> None:
    with (tmp_path / "crops.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[csv_text(name), "a"], ["b", "a"]])
    assert read_photographs(tmp_path / "crops.csv", [name, "b"]) == {name: "a", "b": "a"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a-0-0\n", "line 1: 1 field: write 'image,photograph'"),
        ("b;x\n", "line 1: 1 field: write"),
        ("b,x,y\n", "line 1: 3 fields: write"),
        ("b,\n", "line 1: an empty field"),
        ("image,photograph\nc,x\n", "line 2: c is no image here"),
        ("b,x\nimage,photograph\n", "line 2: image is no image here"),
        ("photograph,image\n", "line 1: photograph is no image here"),
        ("c,x\n", "line 1: c is no image here"),
        ("b,x\nb,y\n", "line 2: b is named twice"),
        (None, "cannot be read"),
    ],
)
def test_mistakes_in_a_users_file_are_one_line(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "crops.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_photographs(path, IMAGES)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
