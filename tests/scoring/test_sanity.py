"""Sanity checks: which methods are held to a gain, what is measured, and how results and tables say that a method failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from threadpoolctl import threadpool_limits
from torch import Tensor

from baselines.bicubic.method import Bicubic
from benchmarks.api.image import Pair
from benchmarks.api.method import Descriptor
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.profiles import load_profile
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.planning.plan import make_plan
from benchmarks.planning.sanity import MARGIN, sanity_settings
from benchmarks.results.record import SanityCheck, SanitySettings
from benchmarks.scoring.sanity import BORDER, CROPS, SIDE, check_sanity
from tests.helpers.stages import DATA

CPU = torch.device("cpu")
CLEAN = SanitySettings("clean", "validation", MARGIN, "digest")
DEMO = Dataset(load_dataset_card("demo-photos"), load_profile("smoke").degradation)


class Brighter(Bicubic):
    """Bicubic interpolation and a constant: its PSNR follows from the constant."""

    constant = 0.1

    def __call__(self, lr: Tensor) -> Tensor:
        return super().__call__(lr) + self.constant


@pytest.mark.parametrize("brightness", [0.1, 0.03, 0.2])
def test_the_number_of_blas_threads_changes_no_digit(brightness: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker and a serial run have different numbers of threads."""
    monkeypatch.setattr(Brighter, "constant", brightness)
    checks = set()
    for threads in (1, 2, 4):
        with threadpool_limits(threads, "blas"):
            checks.add(check_sanity(Brighter(4), DATA, CLEAN, CPU))
    assert len(checks) == 1


class Truth:
    """Knows the HR images: clean LR images are told by their pixels."""

    descriptor = Descriptor(4, receptive_field=None)

    def __init__(self, known: dict[bytes, Tensor]) -> None:
        self.known = known

    def __call__(self, lr: Tensor) -> Tensor:
        return self.known[(lr * 255).round().byte().numpy().tobytes()]


def middle(pair: Pair) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The middle of a pair, cut out a second way: LR and HR."""
    rows, columns = (slice((length - SIDE) // 2, (length - SIDE) // 2 + SIDE) for length in pair.lr.shape[:2])
    hr_rows, hr_columns = (slice(4 * span.start, 4 * span.stop) for span in (rows, columns))
    return pair.lr[rows, columns], pair.hr[hr_rows, hr_columns]


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        ("edsr", {"clean": MARGIN}),
        ("fsrcnn", {"clean": MARGIN}),
        ("srgan", {"clean": MARGIN}),
        ("edsr-paired", {"clean": None, "degraded": MARGIN}),
        ("srgan-paired", {"clean": None, "degraded": MARGIN}),
        ("bm3d-edsr", {"clean": None}),
        ("pseudo-supervision", {"clean": None}),
        ("blind-synthetic", {"clean": None}),
        ("cincgan", {"clean": None}),
        ("cincgan/no-d1", {"clean": None}),
    ],
)
def test_methods_are_held_to_the_inputs_that_they_were_trained_for(method: str, needed: dict[str, float | None]) -> None:
    checks = sanity_settings(get_method(method), DEMO)
    assert {check.inputs: check.margin for check in checks} == needed
    assert "test" not in {check.split for check in checks}


def test_untrained_and_released_methods_are_not_checked() -> None:
    cells = make_plan(load_profile("smoke"), ["bicubic", "realsr", "edsr"])
    checked = {cell.label: bool(cell.settings.sanity) for cell in cells if cell.kind == "evaluate"}
    assert checked == {"bicubic": False, "realsr": False, "edsr": True}


def test_psnr_is_of_the_middle_of_spread_images() -> None:
    check = check_sanity(Brighter(4), DATA, CLEAN, CPU)
    names = DATA.names("validation")
    count = min(CROPS, len(names))
    chosen = [names[place * len(names) // count] for place in range(count)]
    values = []
    for pair in DATA.clean_pairs("validation", chosen):
        crop, hr = middle(pair)
        lr = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None].float() / 255
        sr = np.floor(np.clip(Bicubic(4)(lr)[0].permute(1, 2, 0).numpy() * 255 + 25.5, 0, 255) + 0.5).astype(np.uint8)
        inner = slice(BORDER, -BORDER)
        values.append(peak_signal_noise_ratio(hr[inner, inner], sr[inner, inner], data_range=255))
    assert check.psnr == pytest.approx(np.mean(values), abs=1e-3)
    assert (check.images, check.verdict) == (count, "undertrained")


def test_bicubic_interpolation_gains_nothing_over_itself() -> None:
    check = check_sanity(Bicubic(4), DATA, CLEAN, CPU)
    assert abs(check.gain) < 0.01 and check.verdict == "undertrained"


def test_a_method_that_enlarges_better_passes() -> None:
    known = {}
    for pair in DATA.clean_pairs("validation", DATA.names("validation")):
        lr, hr = middle(pair)
        planes = np.ascontiguousarray(lr.transpose(2, 0, 1)).tobytes()
        known[planes] = torch.from_numpy(np.ascontiguousarray(hr.transpose(2, 0, 1)))[None].float() / 255
    check = check_sanity(Truth(known), DATA, CLEAN, CPU)
    assert check.psnr == float("inf") and check.verdict == "passed"


@pytest.mark.parametrize(
    ("gain", "margin", "verdict"),
    [(0.25, 0.25, "passed"), (0.24, 0.25, "undertrained"), (-9.0, None, "none"), (9.0, None, "none")],
)
def test_verdicts(gain: float, margin: float | None, verdict: str) -> None:
    check = SanityCheck.judged(replace(CLEAN, margin=margin), 8, 30.0 + gain, 30.0)
    assert check.verdict == verdict
    assert check.gain == pytest.approx(gain)
