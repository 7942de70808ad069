"""ZSSR: size of its network, its pairs and rate, and results that follow from the image alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from baselines.zssr import method as method_module
from baselines.zssr import training
from baselines.zssr.method import ZSSR, factors
from baselines.zssr.network import ZSSRNetwork
from baselines.zssr.settings import ZSSRSettings
from baselines.zssr.training import is_flat, prediction, random_crop, reconstruction_error, train
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.degradations.imresize import imresize
from benchmarks.execution.upscaling import find_enlarger
from benchmarks.planning.plan import make_plan
from benchmarks.training.networks.resampling import resample

PAPER: ZSSRSettings = load_profile("paper").inference["zssr"]
SMALL = replace(PAPER, layers=3, channels=8, steps=2, patch_size=16)


def picture(height: int = 24, width: int = 20, seed: int = 0) -> Tensor:
    """Random smooth image ``(1, 3, height, width)``, rounded to 8 bits."""
    coarse = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return (255 * resample(coarse, 4).clamp(0, 1)).round() / 255


def as_array(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


def test_the_network_has_the_published_size_and_starts_as_bicubic_interpolation() -> None:
    network = ZSSRNetwork(PAPER)
    assert sum(parameter.numel() for parameter in network.parameters()) == 224_640
    assert torch.equal(network(picture()), picture())
    untrained = ZSSR(replace(SMALL, steps=0), 4)
    assert torch.equal(untrained(picture()), resample(picture(), 4))


@pytest.mark.parametrize("scale", [2, 4])
def test_the_loss_is_the_mean_error_of_a_crop_enlarged_from_its_downscale(scale: int) -> None:
    enlarged, crop = prediction(ZSSRNetwork(SMALL), [picture()], scale, replace(SMALL, noise=0.0))
    assert crop.shape == (1, 3, 16, 16)
    father = as_array(crop)
    direct = np.abs(imresize(imresize(father, 1 / scale).clip(0, 1), scale) - father).mean()
    assert l1_loss(enlarged, crop).item() == pytest.approx(direct, rel=1e-4)


def test_noise_is_added_to_the_downscale_of_a_crop() -> None:
    grey = torch.full((1, 3, 64, 64), 0.5)
    enlarged, crop = prediction(ZSSRNetwork(SMALL), [grey], 1, replace(SMALL, noise=0.05, patch_size=64))
    assert torch.equal(crop, grey) and (enlarged - crop).std().item() == pytest.approx(0.05, rel=0.05)


def test_crops_are_turned_and_fit_small_images_and_the_scale() -> None:
    ramp = torch.arange(20.0 * 23).view(1, 1, 20, 23).expand(-1, 3, -1, -1)
    crops = [random_crop(ramp, 4, 128) for _ in range(60)]
    assert {tuple(crop.shape[2:]) for crop in crops} == {(20, 20)}
    assert len({float(crop[0, 0, 0, 0] - crop[0, 0, 0, 1]) for crop in crops}) == 4, "both axes, both directions"
    assert len({float(crop.min()) for crop in crops}) == 4, "all corners"


def test_the_rate_falls_where_the_error_no_longer_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_flat([4.0, 3.0, 2.1, 1.0]) and is_flat([4.0, 4.0, 4.0, 4.0]) and is_flat([2.0, 3.0, 1.9, 2.9])
    drawn: list[float] = []
    monkeypatch.setattr(training, "reconstruction_error", lambda *_: 1.0)
    original = prediction
    monkeypatch.setattr(training, "prediction", lambda *given: (drawn.append(0.0), original(*given))[1])
    train(ZSSRNetwork(SMALL), picture(), [picture()], 2, replace(SMALL, steps=100, check_every=4, window=12))
    assert len(drawn) == 3 * 12, "1e-3, 1e-4 and 1e-5 have a window each; 1e-6 is below the least rate"


def test_training_lowers_the_error_of_reconstruction() -> None:
    torch.manual_seed(0)
    image, network = picture(32, 32), ZSSRNetwork(replace(SMALL, channels=16))
    before = reconstruction_error(network, image, 2)
    train(network, image, [image], 2, replace(SMALL, channels=16, steps=60, patch_size=32, noise=0.0))
    assert reconstruction_error(network, image, 2) < 0.9 * before


def test_the_result_at_half_the_scale_is_a_further_image_to_learn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, list[tuple[int, ...]]]] = []
    monkeypatch.setattr(
        method_module,
        "train",
        lambda network, image, fathers, scale, _: seen.append((scale, [tuple(f.shape[2:]) for f in fathers])),
    )
    assert ZSSR(SMALL, 4)(picture()).shape == (1, 3, 96, 80)
    assert seen == [(2, [(24, 20)]), (4, [(24, 20), (48, 40)])]
    assert (factors(2), factors(3), factors(8)) == ((2,), (3,), (4, 8))


def test_a_result_follows_from_the_image_alone() -> None:
    """In any batch, order and state of the generators, in inference mode too; and no generator is left changed."""
    method = ZSSR.from_stages({"zssr": TrainedStage(SMALL, {}, 4)}, 4)
    first, second = picture(), picture(seed=1)
    alone = method(first)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    with torch.inference_mode():
        together = method(torch.cat([second, first]))
    assert torch.equal(together[1:], alone) and not torch.equal(together[:1], alone)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(method(first + 1 / 255), alone + 1 / 255), "another image, other random numbers"


def test_settings_are_part_of_the_evaluation_and_of_no_other_cell() -> None:
    profile = load_profile("smoke")
    (cell,), (other,) = (make_plan(varied, ["zssr"]) for varied in (profile, load_profile("smoke", ["inference.zssr.steps=4"])))
    assert (cell.kind, cell.seed) == ("evaluate", None) and cell.id != other.id
    assert cell.identity["settings"]["inference"]["steps"] == 3
    assert cell.inference_stage["zssr"].settings == profile.inference["zssr"]
    bicubic = make_plan(load_profile("smoke", ["inference.zssr.steps=4"]), ["bicubic"])[0]
    assert bicubic.id == make_plan(profile, ["bicubic"])[0].id and "inference" not in bicubic.identity["settings"]
    assert bicubic.inference_stage == {}


def test_images_stay_whole_and_the_cost_is_the_evaluations() -> None:
    paper = load_profile("paper")
    cell = make_plan(paper, ["zssr"], ["demo-photos"])[0]
    assert paper.tile and cell.identity["settings"]["tile"] == 0
    assert paper.estimate_for("evaluate", "zssr") == paper.estimates["zssr"]
    assert paper.estimate_for("evaluate", "simusr") == paper.estimates["evaluate"]


def test_a_window_of_too_few_errors_is_a_line() -> None:
    with pytest.raises(UsageError, match="window 50: needs 90 or more, three times check_every"):
        load_profile("demo", ["inference.zssr.window=50"])


def test_a_users_image_is_enlarged_by_the_settings_of_demo(tmp_path: Path) -> None:
    enlarger = find_enlarger("zssr", tmp_path, [], 0, None, 1)
    assert enlarger.stages["zssr"].settings == load_profile("demo").inference["zssr"]
    assert enlarger.origin == "trained on each image alone, profile demo" and enlarger.tile is None
