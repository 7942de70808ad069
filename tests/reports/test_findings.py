"""Findings on learned methods and floors: compared with every floor, never with the best one by test scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reports.chapters import make_chapters
from reports.findings import findings
from reports.paper import load_papers
from reports.studies import FinishedCell
from tests.reports.test_claims import study

FLOORS = {"bicubic": 22.0, "tv-bicubic": 22.6, "nlm-bicubic": 23.0}


def finding(psnr: Mapping[str, float]) -> str:
    """The finding on floors, of 16 photographs and three trainings."""
    made = study({**FLOORS, **psnr})
    (chapter,) = make_chapters([cell for own in made.methods.values() for cell in own], [load_papers()["cincgan"]])
    return findings(chapter)[0]


@pytest.mark.parametrize(
    ("cincgan", "side"),
    [
        (23.6, "above all 3 floors: cincgan."),
        (22.8, "below a floor: cincgan."),
        (23.0, "neither: cincgan."),
        (21.0, "below a floor"),
    ],
)
def test_a_method_is_above_the_floors_only_if_it_is_above_each(cincgan: float, side: str) -> None:
    text = finding({"cincgan": cincgan})
    assert side in text
    assert all(f" {floor} " in text for floor in FLOORS), text


def test_methods_are_listed_by_their_side() -> None:
    assert finding({"cincgan": 22.8, "edsr": 24.0}).endswith("Learned methods above all 3 floors: edsr; below a floor: cincgan.")


def test_of_one_training_only_that_training_is_told() -> None:
    made = study({**FLOORS, "cincgan": 22.8, "edsr": 24.0}, seeds=(0,))
    cells = [untrained(cell) if name in FLOORS else cell for name, own in made.methods.items() for cell in own]
    (chapter,) = make_chapters(cells, [load_papers()["cincgan"]])
    sides = "above all 3 floors in this training: edsr; below a floor in this training: cincgan."
    assert findings(chapter)[0].endswith(f"Learned methods {sides}")


def untrained(cell: FinishedCell) -> FinishedCell:
    return replace(cell, result=replace(cell.result, cell=replace(cell.result.cell, seed=None, needs={})))
