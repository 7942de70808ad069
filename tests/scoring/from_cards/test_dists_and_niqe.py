"""DISTS and NIQE against pyiqa's own implementations on the same weights, the formula, and published values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from skimage.data import astronaut, chelsea

from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.data.acquisition import package_index, weights
from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.measuring.basicsr_oracles import prepare_import
from benchmarks.scoring.from_cards.dists import DISTS
from benchmarks.scoring.from_cards.niqe import NIQE
from benchmarks.scoring.tensors import to_tensor
from benchmarks.scoring.trunks import read_arrays, trunk_state
from tests.helpers.basicsr import needs_basicsr

Pixels = np.typing.NDArray[np.uint8]
CAT: Pixels = chelsea()  # type: ignore[no-untyped-call]
WOMAN: Pixels = astronaut()  # type: ignore[no-untyped-call]
POOLED_BEFORE = {2, 4, 7, 10}  # convolutions of VGG16 whose input is pooled
COMPARED_AFTER = {1, 3, 6, 9, 12}


def pair(photograph: Pixels, sigma: float = 8.0) -> tuple[Pixels, Pixels]:
    """A noisy photograph and the photograph."""
    noise = np.random.default_rng(0).normal(0, sigma, photograph.shape)
    return np.clip(photograph + noise, 0, 255).astype(np.uint8), photograph


PAIRS = [pair(CAT[40:136, 100:196]), pair(WOMAN[:64, 180:276])]


@pytest.fixture(scope="module")
def dists() -> DISTS:
    return DISTS()


def by_hand(sr: Pixels, hr: Pixels) -> float:
    """DISTS of two images, from the paper's equations 3 to 6 and the arrays of the files."""
    files = fetch(load_weight_card("dists"))
    layers = read_arrays(files["trunk"])["VGG16_0"]
    mixture = torch.load(files["mixture"], weights_only=True)
    total = mixture["alpha"].sum() + mixture["beta"].sum()
    hanning = torch.from_numpy(np.hanning(5)[1:-1]).float()
    window = torch.outer(hanning, hanning) / hanning.sum() ** 2
    images = torch.cat([to_tensor([sr]), to_tensor([hr])])
    x = (images - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    features = [images]
    for index in range(len(layers)):
        if index in POOLED_BEFORE:
            filters = window.expand(x.shape[1], 1, 3, 3)
            x = (F.conv2d(x**2, filters, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()
        layer = layers[f"Conv_{index}"]
        x = F.relu(F.conv2d(x, torch.tensor(layer["kernel"]).permute(3, 2, 0, 1), torch.tensor(layer["bias"]), padding=1))
        features += [x] if index in COMPARED_AFTER else []
    similarity, first = 0.0, 0
    for both in features:
        channels = slice(first, first + both.shape[1])
        first += both.shape[1]
        a, b = both.flatten(2).double()
        means, variances = (a.mean(1), b.mean(1)), (a.var(1, correction=0), b.var(1, correction=0))
        texture = (2 * means[0] * means[1] + 1e-6) / (means[0] ** 2 + means[1] ** 2 + 1e-6)
        covariance = (a * b).mean(1) - means[0] * means[1]
        structure = (2 * covariance + 1e-6) / (variances[0] + variances[1] + 1e-6)
        alpha, beta = (mixture[name].flatten()[channels] for name in ("alpha", "beta"))
        similarity += float((alpha * texture + beta * structure).sum() / total)
    return 1 - similarity


@pytest.mark.network
def test_dists_is_the_papers_formula(dists: DISTS) -> None:
    for sr, hr in PAIRS:
        assert dists.score_batch([sr], [hr])[0] == pytest.approx(by_hand(sr, hr), abs=1e-5)


@pytest.mark.network
def test_dists_is_pyiqas_own_on_the_same_weights(dists: DISTS, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyiqa's constructor with torchvision's VGG16, which is filled by torchvision's own names."""
    import pyiqa
    from torchvision import models

    files, build = fetch(load_weight_card("dists")), models.vgg16

    def filled(weights: str) -> torch.nn.Module:
        with torch.device("meta"):
            trunk: torch.nn.Module = build(weights=None)
        names = [name for name, module in trunk.named_modules() if isinstance(module, torch.nn.Conv2d)]
        trunk.load_state_dict(trunk_state(files["trunk"], names), strict=False, assign=True)
        return trunk

    monkeypatch.setattr(models, "vgg16", filled)
    own = pyiqa.create_metric("dists", device=torch.device("cpu"), pretrained_model_path=str(files["mixture"]))
    for sr, hr in PAIRS:
        assert dists.score_batch([sr], [hr])[0] == pytest.approx(float(own(to_tensor([sr]), to_tensor([hr]))), abs=1e-4)


@pytest.mark.network
def test_dists_of_batches_and_of_equal_images(dists: DISTS) -> None:
    (sr, hr), (other_sr, other_hr) = PAIRS[0], (image[:96, :96] for image in pair(WOMAN[:96, 180:276]))
    singly = [dists.score_batch([sr], [hr])[0], dists.score_batch([other_sr], [other_hr])[0]]
    assert dists.score_batch([sr, other_sr], [hr, other_hr]) == pytest.approx(singly, abs=1e-6)
    assert dists.score_batch([hr], [hr])[0] == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="all of one size"):
        dists.score_batch([sr], [hr[:64]])


@pytest.mark.network
def test_dists_is_built_without_a_trace(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    import torchvision
    from pyiqa.archs import dists_arch

    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("touched the network"))
    before = torch.get_rng_state()
    metric = DISTS()
    assert torch.equal(torch.get_rng_state(), before) and dists_arch.models is torchvision.models
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in metric.network.parameters())
    assert capfd.readouterr() == ("", "")


@needs_basicsr
def test_niqe_is_pyiqas_own_on_the_same_parameters(tmp_path: Path) -> None:
    import pyiqa
    from scipy.io import savemat

    with np.load(fetch(load_weight_card("niqe"))["parameters"]) as parameters:
        file = {"mu_prisparam": parameters["mu_pris_param"], "cov_prisparam": parameters["cov_pris_param"]}
    savemat(tmp_path / "niqe.mat", file)
    own = pyiqa.create_metric("niqe", device=torch.device("cpu"), pretrained_model_path=str(tmp_path / "niqe.mat"))
    for image in (CAT[:192, :192], pair(CAT[:192, 200:392])[0]):
        assert NIQE().score_batch([image], [image])[0] == pytest.approx(float(own(to_tensor([image]))), abs=1e-4)


@needs_basicsr
@pytest.mark.parametrize(("image", "least", "most"), [(CAT[:192, :288], 0.0, 1e-4), (WOMAN[-192:, -288:], 0.05, 0.2)])
def test_niqe_of_basicsr_on_the_same_luma_is_another_number_where_parts_are_flat(
    image: Pixels, least: float, most: float
) -> None:
    """Rounding errors of pyiqa's float32 windows decide the sign of flat pixels; the woman's dress is black."""
    from pyiqa.archs.niqe_arch import calculate_niqe
    from pyiqa.utils.color_util import to_y_channel

    prepare_import()
    basicsr = pytest.importorskip("basicsr.metrics.niqe", exc_type=ImportError)
    with np.load(fetch(load_weight_card("niqe"))["parameters"]) as file:
        mean, covariance, window = (file[name] for name in ("mu_pris_param", "cov_pris_param", "gaussian_window"))
    own = calculate_niqe(
        to_tensor([image]),
        color_space="ycbcr",
        mu_pris_param=torch.from_numpy(mean.ravel()),
        cov_pris_param=torch.from_numpy(covariance),
    )
    luma = to_y_channel(to_tensor([image]), 255, "ycbcr")[0, 0].round().double().numpy()
    assert least <= abs(basicsr.niqe(luma, mean, covariance, window) - float(own)) < most


@needs_basicsr
def test_niqe_of_images_without_blocks_or_contrast() -> None:
    metric = NIQE()
    with pytest.raises(UsageError, match="needs two blocks of 96x96 pixels, 96x192 or more: got 191x96"):
        metric.score_batch([CAT[:96, :191]], [])
    assert np.isnan(metric.score_batch([np.full((96, 192, 3), 9, np.uint8)], [])[0])


@needs_basicsr
def test_niqe_of_baboon_is_the_published_value_on_its_luma(shared_data: Path) -> None:
    """MATLAB's 5.7296 is of luma in [16, 235]; the metric, as pyiqa's, takes that of YIQ."""
    from pyiqa.archs.niqe_arch import calculate_niqe

    path = shared_data / "set14" / "img_001_SRF_4_HR.png"
    if not path.is_file():
        pytest.skip(f"no image at {path}")
    image, metric = np.asarray(Image.open(path).convert("RGB")), NIQE()
    options = {"mu_pris_param": metric.mean, "cov_pris_param": metric.covariance}
    assert float(calculate_niqe(to_tensor([image]), color_space="ycbcr", **options)) == pytest.approx(5.7296, abs=5e-4)
    assert metric.score_batch([image], [])[0] == pytest.approx(5.7318, abs=1e-4)


@needs_basicsr
def test_parameters_come_out_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline and with an empty cache; a file with another hash is not taken."""
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "is_offline", lambda: True)
    card = load_weight_card("niqe")
    assert fetch(card)["parameters"] == tmp_path / "weights" / "basicsr-1.4.2" / "niqe_pris_params.npz"
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(package_index, "installed", lambda file: None)
    with pytest.raises(WeightsMissing, match=r"parameters is missing \(offline\): run python -m benchmarks\.prepare niqe"):
        fetch(card)
