"""Figures: the same bytes for the same numbers, light and dark; and the sample images in them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.results.files import SCHEMA, to_result
from benchmarks.results.record import COMPLETE, DataRecord, EvaluationResult
from benchmarks.statistics.intervals import Estimate
from reports.figures import crops, drawing, plane, training
from reports.figures.distributions import draw_ablation, draw_distribution
from reports.figures.drawing import DARK
from reports.figures.plane import draw_plane
from reports.figures.samples import LARGEST, Sample, cut, input_images, most_different, shrunk, view_box, webp
from reports.figures.training import draw_training
from reports.page.viewer import slug
from reports.studies import FinishedCell, Study
from reports.tables import Table, make_table
from tests.helpers.report_results import demo_pairs, demo_photos

Scores = Mapping[str, list[float]]
PLAIN: dict[str, Any] = {
    "schema": SCHEMA,
    "status": COMPLETE,
    "data": {"digest": "d", "scale": 4},
    "seconds": 1.0,
    "finished_at": "2026-01-01T00:00:00+00:00",
    "environment": {},
    "git": {},
}


def result(method: str, seed: int | None = None, **scores: list[float]) -> EvaluationResult:
    named = {metric: {f"image{i}": value for i, value in enumerate(values)} for metric, values in scores.items()}
    cell = {"id": f"{method}-{seed}", "kind": "evaluate", "label": method, "seed": seed, "dataset": "photos", "needs": {}}
    evaluation = to_result({**PLAIN, "cell": cell, "settings": {"protocols": {"rgb": 1}}, "scores": {"rgb": named}})
    assert isinstance(evaluation, EvaluationResult)
    return evaluation


def table(methods: Mapping[str, Scores], reference: str = "bicubic") -> Table:
    return make_table("photos", "demo", {name: [result(name, **scores)] for name, scores in methods.items()}, {}, reference)


CLUSTER = (
    "bicubic",
    "fsrcnn",
    "edsr",
    "bm3d-edsr",
    "srgan",
    "pseudo-supervision",
    "cincgan",
    "edsr-paired",
    "srgan-paired",
    "realsr",
)
NUMBERS = {
    name: {"psnr": [21 + 0.01 * i, 22.0, 23.0], "ssim": [0.5, 0.6, 0.7], "lpips": [0.70 + 0.001 * i, 0.72, 0.74]}
    for i, name in enumerate(CLUSTER)
}


def test_the_same_numbers_give_the_same_bytes_whatever_the_users_style() -> None:
    first = draw_plane(table(NUMBERS), "rgb", {"cincgan"})
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": None, "lines.linewidth": 9}):
        second = draw_plane(table(NUMBERS), "rgb", {"cincgan"})
        assert matplotlib.rcParams["font.size"] == 30
    assert first is not None and second is not None
    assert first.svg == second.svg
    assert not re.search(r"20\d\d-\d\d-\d\d|Matplotlib v", first.svg)


def test_the_dark_version_is_the_light_one_in_other_colours() -> None:
    drawing = draw_plane(table(NUMBERS), "rgb", {"cincgan"})
    assert drawing is not None
    colour = re.compile(r"#[0-9a-f]{6}\b")
    assert colour.sub("", drawing.svg) == colour.sub("", drawing.dark)
    assert set(colour.findall(drawing.svg)) <= set(DARK)
    assert not set(colour.findall(drawing.dark)) & set(DARK)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read_on_both_grounds() -> None:
    for text in (drawing.INK, drawing.MUTED):
        assert contrast(text, drawing.PAPER) >= 4.5
        assert contrast(DARK[text], DARK[drawing.PAPER]) >= 4.5


def test_every_kind_of_method_differs_in_more_than_colour() -> None:
    looks = list(drawing.LOOKS.values())
    assert len({look.marker for look in looks}) == len({look.colour for look in looks}) == len(looks)
    assert drawing.look("cincgan/no-d1", {"cincgan"}) == drawing.look("cincgan", {"cincgan"})
    assert drawing.look("edsr-paired", {"cincgan"}).marker == "s"


def test_labels_of_points_that_lie_together_do_not_cover_each_other() -> None:
    points = {
        name: (Estimate(21 + 0.01 * i, 20.5, 21.5), Estimate(0.7 + 0.001 * i, 0.69, 0.72)) for i, name in enumerate(CLUSTER)
    }
    with drawing.style():
        figure = drawing.make_figure(3.9)
        axis = figure.subplots()
        for x, y in points.values():
            axis.plot(x.mean, y.mean, "o")
        plane._label(figure, axis, points)
        boxes = [text.get_window_extent() for text in axis.texts]
    assert len(boxes) == len(points)
    for a, b in combinations(boxes, 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert width <= 1 or height <= 1, (a, b)


def test_a_plane_needs_two_methods_with_both_metrics() -> None:
    assert draw_plane(table({"bicubic": NUMBERS["bicubic"]}), "rgb", {"cincgan"}) is None
    assert draw_plane(table({name: {"psnr": [20.0, 21.0]} for name in ("bicubic", "edsr")}), "rgb", {"cincgan"}) is None
    perfect = {**NUMBERS, "edsr": {"psnr": [math.inf, 20.0, 20.0], "lpips": [0.0, 0.1, 0.1]}}
    drawing = draw_plane(table(perfect), "rgb", {"cincgan"})
    assert drawing is not None and "fsrcnn: 22.00 dB, LPIPS 0.720" in drawing.alt and "; edsr:" not in drawing.alt


def study(methods: Mapping[str, Scores]) -> Study:
    evidence = {name: (FinishedCell(result(name, **scores), None, ""),) for name, scores in methods.items()}
    return Study("demo", "photos", "photos", evidence, ())


def test_distributions_say_their_medians_and_leave_out_infinities() -> None:
    drawing = draw_distribution(study({"edsr": {"psnr": [20.0, 22.0, math.inf, 27.0]}}), ["edsr"], ("rgb", "psnr"), {"cincgan"})
    assert drawing is not None and "edsr: median 22.00" in drawing.alt
    assert draw_distribution(study({"edsr": {"psnr": [math.inf]}}), ["edsr"], ("rgb", "psnr"), {"cincgan"}) is None
    assert draw_distribution(study({"edsr": {"psnr": [20.0]}}), ["edsr"], ("rgb", "lpips"), {"cincgan"}) is None


def test_ablation_bars_are_differences_to_the_full_model() -> None:
    variants = {"cincgan": {"psnr": [20.0, 22.0]}, "cincgan/no-d1": {"psnr": [19.0, 21.5]}}
    drawing = draw_ablation(table(variants, "cincgan"), "rgb", "ablation")
    assert drawing is not None and "cincgan/no-d1: -0.75 dB" in drawing.alt and "against cincgan" in drawing.alt
    assert draw_ablation(table({"cincgan": {"psnr": [20.0]}}, "cincgan"), "rgb", "ablation") is None


def trained(label: str, history: list[dict[str, float]]) -> FinishedCell:
    cell = {"id": label, "kind": "train", "label": label, "seed": 3, "dataset": "photos", "needs": {}}
    return FinishedCell(to_result({**PLAIN, "cell": cell, "settings": {"stage": {}}, "history": history}), None, "")


def test_training_curves_show_every_stage_and_loss() -> None:
    inner = [{"step": step, "d1": 1 / step, "lr_cycle": 0.0 if step < 5 else 1e-6 * step} for step in range(1, 40)]
    joint = [{"step": step, "hr_tv": math.nan if step == 2 else 5.0} for step in range(1, 4)]
    drawing = draw_training("cincgan", {"cincgan-inner": trained("a", inner), "cincgan-joint": trained("b", joint)})
    assert drawing is not None
    assert "cincgan-inner: d1, lr_cycle; cincgan-joint: hr_tv." in drawing.alt and "seed 3" in drawing.caption
    assert draw_training("edsr", {"edsr": trained("c", [])}) is None


def test_long_histories_are_averaged_in_blocks() -> None:
    curves = training._curves([{"step": step, "l1": float(step % 2)} for step in range(100_000)])
    steps, values = curves["l1"]
    assert len(steps) == len(values) == 150
    assert steps == sorted(steps) and np.mean(values) == pytest.approx(0.5) and max(values) < 0.6


def sample(name: str = "image", height: int = 96, width: int = 128, hr: bool = True) -> Sample:
    generator = np.random.default_rng(0)
    images = {method: generator.integers(256, size=(height, width, 3), dtype=np.uint8) for method in ("bicubic", "edsr")}
    lr, truth = images["edsr"][::4, ::4], images["edsr"] // 2
    versions = {"LR": lr, **images, "HR": truth} if hr else images
    scores = {"rgb": {"psnr": {name: 21.234}, "ssim": {name: 0.5678}}}
    origin = {method: FinishedCell(replace(result(method, psnr=[20.0]), scores=scores), None, "") for method in images}
    return Sample(name, 4, versions, origin, (16, 24, 32, 32))


COLUMNS = (("rgb", "psnr"), ("rgb", "ssim"))


@pytest.mark.parametrize("hr", [True, False])
def test_the_comparison_shows_every_version_with_its_scores(hr: bool) -> None:
    drawing = crops.draw_sample(sample(hr=hr), ["bicubic", "edsr"], COLUMNS, "sample-1")
    assert drawing.svg.count("<image ") == (5 if hr else 3)
    assert "bicubic 21.23 / 0.568; edsr 21.23 / 0.568" in drawing.alt
    assert ("LR nearest neighbour" in drawing.alt) is hr
    only = crops.draw_sample(sample(), ["edsr"], COLUMNS, "sample-1")
    assert "bicubic" not in only.alt


def test_names_are_text_and_never_formulas_or_markup() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        drawing = crops.draw_sample(sample("$x_{1$ <img src=x onerror=alert(1)> --> & 猫"), ["edsr"], COLUMNS, "sample-1")
    ElementTree.fromstring(drawing.svg)  # noqa: S314 - our own
    assert "<img" not in drawing.svg


def test_figures_are_saved_without_dates_and_unknown_formats_are_refused(tmp_path: Path) -> None:
    with drawing.style():
        for ending in ("png", "pdf", "svg"):
            for name in ("first", "second"):
                drawing.save(crops.comparison(sample(), ["edsr"], COLUMNS), tmp_path / f"{name}.{ending}")
            assert (tmp_path / f"first.{ending}").read_bytes() == (tmp_path / f"second.{ending}").read_bytes()
        with pytest.raises(UsageError, match=r"cannot be written .*use \.png, \.svg or \.pdf"):
            drawing.save(crops.comparison(sample(), ["edsr"], COLUMNS), tmp_path / "figure.xyz")


def test_the_region_is_where_methods_differ_and_no_single_method_decides_it() -> None:
    generator = np.random.default_rng(1)
    images: list[Image] = [np.full((128, 192, 3), 100, np.uint8) for _ in range(6)]
    for i, image in enumerate(images):
        image[64:96, 40:72] += np.uint8(10 * i)
    images[0][:48, 128:] = generator.integers(256, size=(48, 64, 3), dtype=np.uint8)
    assert most_different(images, 4) == (64, 40, 32, 32)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (12, 200), (30, 31), (400, 300)])
def test_the_region_fits_into_images_of_any_size(height: int, width: int) -> None:
    images: list[Image] = [np.zeros((height, width, 3), np.uint8), np.full((height, width, 3), 9, np.uint8)]
    top, left, tall, wide = most_different(images, 4)
    assert (top, left) == (0, 0) and tall == wide and tall % 4 == 0
    assert 4 <= tall <= min(height, width)


@given(st.integers(8, 500), st.integers(8, 500), st.data())
def test_the_page_cuts_large_images_around_their_region(rows: int, columns: int, data: st.DataObject) -> None:
    height, width = 4 * rows, 4 * columns
    side = 4 * (min(rows, columns) // 4)
    top, left = (4 * data.draw(st.integers(0, (length - side) // 4)) for length in (height, width))
    image: Image = np.broadcast_to(np.uint8(0), (height, width, 3))
    box = view_box(Sample("image", 4, {"edsr": image}, {}, (top, left, side, side)))
    assert 0 <= box[0] <= box[0] + box[2] <= height and 0 <= box[1] <= box[1] + box[3] <= width
    assert box[2] == min(height, LARGEST) and box[3] == min(width, LARGEST)
    assert not any(value % 4 for value in box)
    if side <= LARGEST:
        assert box[0] <= top and top + side <= box[0] + box[2] and box[1] <= left and left + side <= box[1] + box[3]


def test_pictures_are_stored_without_loss_and_lr_is_cut_as_hr_is(tmp_path: Path) -> None:
    image = sample()
    box = (16, 24, 32, 40)
    piece = cut(image.images["edsr"], box)
    assert np.array_equal(cut(image.images["LR"], box, 4), piece[::4, ::4])
    (tmp_path / "a.webp").write_bytes(webp(piece))
    with PillowImage.open(tmp_path / "a.webp") as stored:
        assert np.array_equal(np.asarray(stored.convert("RGB")), piece)


def test_overviews_are_made_smaller_and_never_larger() -> None:
    image = sample().images["edsr"]
    assert shrunk(image, 500) is image
    assert shrunk(image, 64).shape == (48, 64, 3)


@given(st.text(max_size=200))
def test_file_names_are_plain_whatever_is_named(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,79}", slug(name))


def test_lr_and_hr_are_the_scored_images() -> None:
    dataset = demo_photos()
    data = DataRecord(digest=dataset.digest("test"), scale=4, **dataset.describe(("test",)))  # type: ignore[arg-type]
    evaluation = replace(result("bicubic", psnr=[20.0]), data=data)
    (pair,) = input_images(evaluation, ["rocket-117-128"]).values()
    scored = demo_pairs()["rocket-117-128"]
    assert np.array_equal(pair["LR"], scored.lr) and np.array_equal(pair["HR"], scored.hr)
    with pytest.raises(UsageError, match="have another digest than the scored ones"):
        input_images(replace(evaluation, data=replace(data, digest="0" * 64)), [])
