"""Scores of many pairs: independent of threads and batches, in bounded memory, with errors that name the image."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Pair
from benchmarks.api.method import Descriptor
from benchmarks.catalog.metrics import METRICS, get_metric
from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.scoring import evaluation
from benchmarks.scoring import pairs as scoring
from benchmarks.scoring.evaluation import super_resolve
from benchmarks.scoring.pairs import Load, Scorer, score_pairs

Pixels = NDArray[np.uint8]


class Difference:
    """The mean absolute difference, and how many pairs came at once."""

    batches: list[int] = []  # noqa: RUF012

    def score_batch(self, sr: Sequence[Pixels], hr: Sequence[Pixels]) -> list[float]:
        self.batches.append(len(sr))
        if hr[0].shape[0] == 181:
            raise ValueError("too odd")
        return [float(np.abs(a.astype(float) - b).mean()) for a, b in zip(sr, hr, strict=True)]


DIFFERENCE = MetricEntry("difference", "Difference", False, 3, "tests.scoring.test_scoring:Difference")
BASIC = [get_metric("psnr"), get_metric("ssim")]


def images(count: int, sides: Sequence[int] = (176, 184)) -> dict[str, Load]:
    def load(index: int) -> tuple[Pixels, Pixels]:
        side = sides[index % len(sides)]
        hr = np.random.default_rng(index).integers(0, 256, (side, side, 3), dtype=np.uint8)
        return np.roll(hr, (2, -3), axis=(0, 1)), hr

    return {f"image{index}": partial(load, index) for index in range(count)}


def test_threads_and_chunks_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    protocols = [get_protocol(name) for name in PROTOCOLS]
    expected = score_pairs(protocols, [*BASIC, DIFFERENCE], images(5), threads=1)
    assert expected.shifts["aligned-rgb"] == dict.fromkeys(images(5), (2, -3))
    for threads, chunk in ((2, 16), (3, 2), (1, 1)):
        monkeypatch.setattr(scoring, "CHUNK", chunk)
        assert score_pairs(protocols, [*BASIC, DIFFERENCE], images(5), threads=threads) == expected


@pytest.mark.network
def test_the_size_of_a_batch_changes_lpips_by_rounding_only(monkeypatch: pytest.MonkeyPatch) -> None:
    batched = []
    for pixels in (1, 1 << 30):
        monkeypatch.setattr(scoring, "BATCH_PIXELS", pixels)
        scores = score_pairs([get_protocol("rgb")], [get_metric("lpips")], images(4, (48,)), threads=2).scores["rgb"]["lpips"]
        batched.append(list(scores.values()))
    assert batched[0] == pytest.approx(batched[1], abs=1e-6)


def test_images_of_one_size_go_together_and_no_more_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH_PIXELS", 2 * 64 * 64)
    monkeypatch.setattr(Difference, "batches", [])
    scored = score_pairs([get_protocol("rgb")], [DIFFERENCE], images(7, (64, 48)), threads=2)
    assert sorted(Difference.batches) == [2, 2, 3]
    assert list(scored.scores["rgb"]["difference"]) != []
    for name, load in images(7, (64, 48)).items():
        sr, hr = load()
        assert scored.scores["rgb"]["difference"][name] == np.abs(sr.astype(float) - hr).mean()


def test_other_metrics_see_the_view_of_the_protocol() -> None:
    pairs = images(2)
    names = ["rgb", "rgb-shave4", "y-shave4", "aligned-rgb", "ntire2018"]
    scores = score_pairs([get_protocol(name) for name in names], [DIFFERENCE], pairs, threads=2).scores
    sr, hr = next(iter(pairs.values()))()
    shaved = np.abs(sr[4:-4, 4:-4].astype(float) - hr[4:-4, 4:-4]).mean()
    assert scores["rgb-shave4"]["difference"]["image0"] == scores["y-shave4"]["difference"]["image0"] == shaved
    assert scores["aligned-rgb"]["difference"] == dict.fromkeys(pairs, 0.0)
    assert scores["rgb"]["difference"]["image0"] != shaved
    assert scores["ntire2018"] == {}


def test_progress_counts_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CHUNK", 2)
    seen: list[tuple[int, int]] = []
    score_pairs([get_protocol("rgb")], BASIC, images(5), threads=2, report=lambda done, of: seen.append((done, of)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_no_more_than_a_chunk_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Pixels]] = []
    most = 0

    def load(index: int) -> tuple[Pixels, Pixels]:
        nonlocal most
        sr = np.zeros((32, 32, 3), np.uint8) + np.uint8(index)
        alive.append(weakref.ref(sr))
        most = max(most, sum(ref() is not None for ref in alive))
        return sr, np.zeros_like(sr)

    monkeypatch.setattr(scoring, "CHUNK", 4)
    score_pairs([get_protocol("rgb")], BASIC, {str(index): partial(load, index) for index in range(40)}, threads=2)
    assert most <= 8  # a chunk, and the one before it until it is replaced


def test_errors_name_the_image() -> None:
    def unequal() -> tuple[Pixels, Pixels]:
        return np.zeros((64, 64, 3), np.uint8), np.zeros((64, 60, 3), np.uint8)

    with pytest.raises(UsageError, match=r"^odd: the result is 64x64, the ground truth 60x64: sizes must be equal"):
        score_pairs([get_protocol("rgb")], BASIC, {"odd": unequal}, threads=2)
    with pytest.raises(UsageError, match=r"^image0: too odd"):
        score_pairs([get_protocol("rgb")], [DIFFERENCE], images(1, (181,)), threads=2)


def test_metrics_of_pyiqa_by_name() -> None:
    sr, hr = images(1, (176,))["image0"]()
    noisy = np.clip(hr + np.random.default_rng(0).normal(0, 9, hr.shape), 0, 255).astype(np.uint8)
    pairs = {"same": lambda: (hr, hr), "noisy": lambda: (noisy, hr), "moved": lambda: (sr, hr)}
    metric = get_metric("gmsd")
    assert not metric.higher_is_better
    scores = score_pairs([get_protocol("rgb")], [metric], pairs, threads=2).scores["rgb"]["gmsd"]
    assert scores["same"] == pytest.approx(0, abs=1e-6)
    assert scores["same"] < scores["noisy"] < scores["moved"]


def test_unknown_metric() -> None:
    with pytest.raises(UsageError, match="did you mean 'lpips'"):
        get_metric("lpipps")
    assert get_metric("lpips") is METRICS["lpips"]


def test_numbers_come_in_the_order_of_the_pairs() -> None:
    scored = score_pairs([get_protocol("rgb")], [DIFFERENCE], images(5, (64, 48)), threads=2)
    assert list(scored.scores["rgb"]["difference"]) == list(images(5))


class Nothing:
    def score_batch(self, sr: Sequence[Pixels], hr: Sequence[Pixels]) -> list[float]:
        return [float("nan")] * len(sr)


def test_a_metric_that_is_not_a_number_is_an_error() -> None:
    metric = MetricEntry("nothing", "Nothing", target="tests.scoring.test_scoring:Nothing")
    with pytest.raises(UsageError, match=r"^image0: the metric is not a number"):
        score_pairs([get_protocol("rgb")], [metric], images(1, (64,)), threads=1)


def test_psnr_alone_takes_smaller_images_than_ssim() -> None:
    def tiny(side: int) -> dict[str, Load]:
        return {"a": lambda: (np.zeros((side, side, 3), np.uint8), np.full((side, side, 3), 255, np.uint8))}

    psnr = [get_metric("psnr")]
    for name, smallest in (("rgb", 1), ("rgb-shave4", 9), ("y-shave4", 9), ("ntire2018", 160), ("aligned-rgb", 140)):
        assert score_pairs([get_protocol(name)], psnr, tiny(smallest), threads=1).scores[name]["psnr"]["a"] < 10
        with pytest.raises(UsageError, match=f"needs images of {smallest}x{smallest} or more: got"):
            score_pairs([get_protocol(name)], psnr, tiny(smallest - 1), threads=1)
    with pytest.raises(UsageError, match=r"rgb-shave4 needs images of 19x19 or more \(PSNR alone 9x9\): got 18x18"):
        score_pairs([get_protocol("rgb-shave4")], BASIC, tiny(18), threads=1)


def test_what_fails_is_listed_and_the_rest_is_scored() -> None:
    def broken() -> tuple[Pixels, Pixels]:
        raise UsageError("the file is broken")

    pairs: dict[str, Load] = {**images(3, (181, 64)), "broken": broken}
    scored = Scorer([get_protocol("rgb")], [*BASIC, DIFFERENCE], threads=2, keep_going=True).score(pairs)
    assert scored.failures == {
        "broken": "the file is broken",
        "image0": "no difference: too odd",
        "image2": "no difference: too odd",
    }
    assert list(scored.scores["rgb"]["psnr"]) == ["image0", "image1", "image2"]
    assert list(scored.scores["rgb"]["difference"]) == ["image1"]


class Repeat:
    """Enlarges by repeating pixels."""

    descriptor = Descriptor(scale=4, receptive_field=1)

    def __call__(self, lr: Tensor) -> Tensor:
        return lr.repeat_interleave(4, -1).repeat_interleave(4, -2)


def test_an_evaluation_holds_few_images_and_keeps_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Pixels]] = []
    most = 0

    def counted(*arguments: Any) -> Pixels:
        nonlocal most
        image = super_resolve(*arguments)
        alive.append(weakref.ref(image))
        most = max(most, sum(ref() is not None for ref in alive))
        return image

    monkeypatch.setattr(evaluation, "super_resolve", counted)
    lr = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    pairs = [Pair(str(index), image, image.repeat(4, 0).repeat(4, 1)) for index, image in enumerate(lr)]
    expected = evaluation.evaluate(Repeat(), pairs, [get_protocol("rgb")], BASIC)
    assert list(expected.images) == ["0", "6", "12", "18", "24", "30"]
    assert list(expected.scored.scores["rgb"]["psnr"]) == [pair.name for pair in pairs]
    monkeypatch.setattr(scoring, "CHUNK_PIXELS", 3 * 32 * 32)
    most = 0
    alive.clear()
    del expected
    evaluation.evaluate(Repeat(), pairs, [get_protocol("rgb")], BASIC, threads=2)
    assert most <= 3 + 3 + evaluation.SAMPLES  # a chunk, the chunk before it until it is replaced, and the samples
