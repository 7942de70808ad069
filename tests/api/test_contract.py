"""The contract of foreign code: what a method, stage, protocol or metric returns is checked, and named where it does not fit."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.bicubic.method import Bicubic
from benchmarks.api import contract
from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Pair
from benchmarks.core.errors import BenchmarkError, TrainingCollapsed, Unexpected, UsageError
from benchmarks.scoring import pairs as scored_pairs
from benchmarks.scoring.evaluation import evaluate, super_resolve
from benchmarks.scoring.network_method import NetworkMethod
from benchmarks.scoring.pairs import score_pairs
from benchmarks.scoring.protocols.rgb import RGB
from benchmarks.scoring.tiling import enlarge
from cincgan.method import CinCGAN
from tests.helpers.foreign import Own, OwnMetric, nearest
from tests.helpers.stand_ins import photograph

LR = photograph(3, 32)[:12, :16]  # (12, 16, 3): an output is (1, 3, 48, 64)
EXPECTED = "output of the method: expected a float32 tensor (1, 3, 48, 64), RGB in [0, 1], got "
OUTPUTS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "twice the size": (lambda lr: nearest(lr, 8), "float32 tensor (1, 3, 96, 128) with values from"),
    "half the size": (lambda lr: nearest(lr, 2), "float32 tensor (1, 3, 24, 32) with"),
    "a row too many": (lambda lr: nearest(lr)[..., [0, *range(48)], :], "float32 tensor (1, 3, 49, 64)"),
    "turned": (lambda lr: nearest(lr).transpose(2, 3), "float32 tensor (1, 3, 64, 48)"),
    "one channel": (lambda lr: nearest(lr).mean(1, keepdim=True), "float32 tensor (1, 1, 48, 64)"),
    "four channels": (lambda lr: nearest(lr)[:, [0, 1, 2, 0]], "float32 tensor (1, 4, 48, 64)"),
    "no batch": (lambda lr: nearest(lr)[0], "float32 tensor (3, 48, 64)"),
    "bytes": (lambda lr: (nearest(lr) * 255).byte(), "uint8 tensor (1, 3, 48, 64) with values from"),
    "half precision": (lambda lr: nearest(lr).bfloat16(), "bfloat16 tensor (1, 3, 48, 64)"),
    "complex": (lambda lr: nearest(lr).to(torch.complex64), "complex64 tensor (1, 3, 48, 64)"),
    "an array": (lambda lr: nearest(lr).numpy(), "float32 ndarray (1, 3, 48, 64)"),
    "a list": (lambda lr: [nearest(lr)], "list of 1"),
    "nothing": (lambda lr: None, "NoneType None"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_does_not_fit_is_described(name: str) -> None:
    method, returned = OUTPUTS[name]
    with pytest.raises(BenchmarkError) as caught:
        super_resolve(Own(method), LR)
    assert str(caught.value).startswith(EXPECTED + returned) and "\n" not in str(caught.value)


@pytest.mark.parametrize("factor", [255.0, -255.0, 65535.0])
def test_an_output_of_another_range_is_described(factor: float) -> None:
    with pytest.raises(BenchmarkError) as caught:
        super_resolve(Own(lambda lr: nearest(lr) * factor), LR)
    assert str(caught.value).startswith(EXPECTED) and str(caught.value).endswith(": divide by 255") == (factor == 255)


def test_an_overshoot_is_clipped_and_numbers_that_are_not_finite_are_a_collapse() -> None:
    overshoot = super_resolve(Own(lambda lr: 1.5 * nearest(lr) - 0.2), LR)
    assert overshoot.dtype == np.uint8 and overshoot.shape == (48, 64, 3)
    for value in (float("nan"), float("inf")):
        with pytest.raises(TrainingCollapsed, match="not finite"):
            super_resolve(Own(lambda lr, value=value: nearest(lr) + value), LR)


def test_the_image_is_named() -> None:
    pairs = [Pair("good", LR, np.zeros((48, 64, 3), np.uint8)), Pair("bad", LR[:, :8], np.zeros((48, 32, 3), np.uint8))]
    method = Own(lambda lr: nearest(lr) if lr.shape[3] == 16 else nearest(lr)[:, :1])
    with pytest.raises(
        BenchmarkError, match=r"^image bad: output of the method: expected .* \(1, 3, 48, 32\), .* \(1, 1, 48, 32\)"
    ):
        evaluate(method, pairs, [RGB], [])


@pytest.mark.parametrize("tile", [0, 12])
def test_tiles_are_checked_each(tile: int) -> None:
    with pytest.raises(BenchmarkError, match=r"got float32 tensor \(1, 3, (80|160), "):
        enlarge(Own(lambda lr: nearest(lr, 8)), torch.rand(1, 3, 20, 20), tile)


@pytest.mark.parametrize(("height", "width", "multiple"), [(12, 16, 8), (3, 5, 64), (1, 1, 4), (7, 1, 16)])
def test_only_padding_is_cropped_and_any_image_can_be_padded(height: int, width: int, multiple: int) -> None:
    lr, seen = torch.rand(1, 3, height, width), list[Tensor]()
    sr = enlarge(Own(lambda part: (seen.append(part), nearest(part))[1], multiple=multiple), lr)
    torch.testing.assert_close(sr, nearest(lr))
    rows, columns = -height % multiple, -width % multiple
    assert seen[0].shape == (1, 3, height + rows, width + columns)
    expected = np.pad(lr.numpy(), ((0, 0), (0, 0), (0, rows), (0, columns)), mode="reflect")
    np.testing.assert_array_equal(seen[0].numpy(), expected)


def noisy(lr: Tensor) -> Tensor:
    sr = nearest(lr)
    noise = torch.rand_like(sr) + torch.from_numpy(np.random.rand(*sr.shape)).float() + random.random()  # noqa: S311
    return sr / 2 + noise / 6


def test_random_numbers_at_inference_follow_from_the_image() -> None:
    images = [photograph(seed, 32)[:12, :16] for seed in range(3)]
    once = [super_resolve(Own(noisy), image) for image in images]
    torch.rand(5)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    again = [super_resolve(Own(noisy), image) for image in reversed(images)]
    for first, second in zip(once, reversed(again), strict=True):
        np.testing.assert_array_equal(first, second)
    flat = [super_resolve(Own(lambda lr: noisy(0 * lr)), image) for image in images[:2]]
    assert (flat[0] != flat[1]).any(), "other images, other numbers"
    assert torch.equal(torch.get_rng_state(), states[0]) and (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]


METHODS = {
    "nothing": (None, "from_stages: expected a callable method with a descriptor, got NoneType with descriptor None"),
    "no descriptor": (nearest, "from_stages: expected a callable method with a descriptor, got function with descriptor None"),
    "scale": (Own(nearest, scale=2), "descriptor: expected scale 4, that of the data set, got 2"),
    "multiple": (Own(nearest, multiple=0), "descriptor: expected multiple 1 or more, a whole number, got 0"),
    "field": (Own(nearest, receptive_field=2.5), "descriptor: expected receptive_field 1 or more, a whole number, got 2.5"),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_is_none_is_described(name: str) -> None:
    method, text = METHODS[name]
    with pytest.raises(BenchmarkError) as caught:
        contract.check_method(method, 4)
    assert str(caught.value) == text
    contract.check_method(Own(nearest, receptive_field=None), 4)


INPUTS = {
    "bytes": torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
    "range of bytes": torch.full((1, 3, 8, 8), 200.0),
    "no batch": torch.zeros(3, 8, 8),
    "one channel": torch.zeros(1, 1, 8, 8),
    "channels last": torch.zeros(1, 8, 8, 3),
    "an array": np.zeros((1, 3, 8, 8), np.float32),
    "not a number": torch.full((1, 3, 8, 8), float("nan")),
    "empty": torch.zeros(1, 3, 0, 8),
}


@pytest.mark.parametrize("name", INPUTS)
def test_loaded_methods_refuse_what_is_no_image(name: str) -> None:
    """``CinCGAN.from_run`` and all others."""
    networks = {"g1": nn.Identity(), "sr": nn.Identity()}
    for method in (CinCGAN(networks, 4), NetworkMethod(nn.Identity(), 4), Bicubic(4)):
        with pytest.raises(UsageError) as caught:
            method(INPUTS[name])  # type: ignore[operator]
        text = str(caught.value)
        assert text.startswith("LR images: expected a float tensor (N, 3, h, w), RGB in [0, 1], got ")
        assert text.endswith("from 200 to 200: divide by 255") or name != "range of bytes"
    assert CinCGAN(networks, 4)(torch.full((1, 3, 8, 8), 1.2)).shape == (1, 3, 8, 8)


SCORES: dict[str, tuple[Callable[[int], Any], str]] = {
    "a number": (lambda count: 0.5, "got float 0.5"),
    "too few": (lambda count: [0.5], "got list of 1"),
    "a text": (lambda count: "ab", "got str 'ab'"),
    "texts": (lambda count: ["0.5", "0.5"], "got a list with str '0.5'"),
    "nothing": (lambda count: None, "got NoneType None"),
    "none": (lambda count: [None, 1.0], "got a list with NoneType None"),
    "a scalar tensor": (lambda count: torch.tensor(0.5), "got float32 tensor () with values from 0.5 to 0.5"),
    "columns": (lambda count: torch.zeros(count, 3), "got a list with list of 3"),
    "maps": (lambda count: [np.zeros((2, 2))] * count, "got a list with float64 ndarray (2, 2)"),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores_of_a_metric_that_are_no_numbers_are_described(name: str) -> None:
    score, returned = SCORES[name]
    with pytest.raises(BenchmarkError) as caught:
        scored_pairs.score_views(OwnMetric(score), [(name, LR, LR) for name in ("a", "b")])
    assert str(caught.value).startswith(f"a, b: OwnMetric.score_batch: expected a list of 2 numbers, {returned}")


@pytest.mark.parametrize("values", [[0.5, 1], torch.tensor([0.5, 1.0]), np.array([0.5, 1]), [torch.tensor(0.5), np.float32(1)]])
def test_scores_are_numbers_tensors_and_arrays_of_them(values: Any) -> None:
    assert contract.checked_scores(values, 2, "M") == [0.5, 1.0]


def failing(error: BaseException) -> Callable[[int], Any]:
    def score(count: int) -> Any:
        raise error

    return score


@pytest.mark.parametrize("error", [SystemExit(3), ZeroDivisionError("by zero"), RuntimeError("shape")], ids=repr)
def test_a_metric_that_fails_or_exits_is_named(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_pairs, "resolve", lambda *_: lambda: OwnMetric(failing(error)))
    with pytest.raises(Unexpected, match=rf"^metric 'mine': {type(error).__name__}: {error}") as caught:
        score_pairs([RGB], [MetricEntry("mine", "M", target="m:M")], {"a": lambda: (LR, LR)}, threads=1)
    assert "in score" in caught.value.traceback


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (lambda sr, hr: float("nan"), "a: psnr of rgb: expected a number, got NaN"),
        (lambda sr, hr: None, "a: psnr of rgb: expected a number, got NoneType None"),
        (lambda sr, hr: torch.zeros(3), "a: psnr of rgb: expected a number, got float32 tensor (3,)"),
        (lambda sr, hr: sys.exit("enough"), "a: protocol rgb: SystemExit: enough"),
    ],
)
def test_a_protocol_that_gives_no_number_is_named(score: Callable[..., Any], text: str) -> None:
    def compare(sr: Any, hr: Any) -> Any:
        return replace(RGB.compare(sr, hr), psnr=score(sr, hr))

    with pytest.raises(BenchmarkError) as caught:
        score_pairs([replace(RGB, compare=compare)], [MetricEntry("psnr", "PSNR")], {"a": lambda: (LR, LR)}, threads=1)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("view", [lambda sr, hr, score: sr, lambda sr, hr, score: (sr / 255, hr), lambda sr, hr, _: (sr, hr[1:])])
def test_a_view_that_is_no_pair_of_images_is_described(view: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_pairs, "resolve", lambda *_: lambda: OwnMetric(lambda count: [0.0] * count))
    with pytest.raises(BenchmarkError, match=r"^view of protocol rgb: expected two uint8 arrays .* of one size, got "):
        score_pairs([replace(RGB, view=view)], [MetricEntry("mine", "M", target="m:M")], {"a": lambda: (LR, LR)}, threads=1)
