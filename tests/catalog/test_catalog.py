"""Checks of everything that the catalog names: each addition to it is held to these without a test of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, is_dataclass

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image
from benchmarks.catalog.dataset_kinds import KINDS
from benchmarks.catalog.degradations import DEGRADATIONS
from benchmarks.catalog.executors import EXECUTORS
from benchmarks.catalog.methods import TRAINING_SPLITS, every_method, get_stage, inference_stage, methods, stages
from benchmarks.catalog.metrics import METRICS
from benchmarks.catalog.profiles import load_profile, profile_names
from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.core.lazy import module_of, resolve
from benchmarks.core.registry import Registry
from benchmarks.core.strict import build
from benchmarks.core.values import plain, set_values
from benchmarks.data.cards import DatasetCard, dataset_names, load_dataset_card
from benchmarks.degradations.operator import Degradation
from benchmarks.execution.executors.executor import NamedExecutor
from benchmarks.planning.plan import make_plan
from benchmarks.planning.untrained import untrained_method
from benchmarks.scoring.pairs import load_metric
from benchmarks.scoring.protocol import Protocol
from benchmarks.training.stage import Stage
from reports.paper import FOLDER as PAPERS
from reports.paper import load_paper
from tests.conftest import ROOT
from tests.helpers.random_networks import reach, untrained

SIZE = (160, 184, 3)  # HR pixels; every protocol takes them


def photograph(seed: int = 0) -> Image:
    """A smooth random image, uint8 RGB."""
    coarse = np.random.default_rng(seed).uniform(0, 255, size=(SIZE[0] // 8, SIZE[1] // 8, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


def with_noise(image: Image, sigma: float) -> Image:
    noisy = image + np.random.default_rng(1).normal(scale=sigma, size=image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def with_weights(names: tuple[str, ...]) -> list[pytest.MarkDecorator]:
    return [pytest.mark.network] if names else []


METHODS = [pytest.param(name, marks=with_weights(method.weights)) for name, method in methods().items()]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_enlarges_images_of_any_size(name: str) -> None:
    torch.manual_seed(0)
    method = untrained_method(name, load_profile("smoke"))
    lr = torch.rand(2, 3, 19, 24)
    sr, again = method(lr), method(lr)
    assert sr.shape == (2, 3, 4 * 19, 4 * 24) and sr.dtype == torch.float32
    assert torch.isfinite(sr).all()
    assert torch.equal(sr, again), "the same image twice"
    assert method.descriptor.scale == 4 and method.descriptor.multiple >= 1


@pytest.mark.parametrize("name", METHODS)
def test_a_method_sees_no_pixel_beyond_its_stated_receptive_field(name: str) -> None:
    method = untrained(name)
    side = method.descriptor.receptive_field
    if side is None:
        return  # the whole image
    measured = 1 + 2 * reach(method, side + 40)
    assert measured <= side, f"receptive field: {side} stated, {measured} measured: override descriptor of '{name}'"


def test_a_method_names_stages_that_there_are() -> None:
    for method in every_method():
        assert method.title, method.name
        for stage in method.stages:
            assert get_stage(stage).name == stage


@pytest.mark.parametrize("name", stages())
def test_a_stage_is_a_stage_and_its_settings_are_plain_data(name: str) -> None:
    entry = stages()[name]
    assert issubclass(resolve(entry.target), Stage)
    cls = resolve(entry.settings)
    assert is_dataclass(cls)
    for profile in profile_names():
        settings = load_profile(profile).stages.get(name)
        if settings is not None:
            assert build(cls, plain(settings), "a test") == settings
            assert set_values(settings).keys() <= asdict(settings).keys()
    assert set(entry.reads) <= set(TRAINING_SPLITS)


@pytest.mark.parametrize("name", [name for name, method in methods().items() if method.inference])
def test_settings_of_a_method_that_trains_inside_its_call_are_plain_data(name: str) -> None:
    method = methods()[name]
    assert not method.stages, "its seed would be that of its stages, and its cost a part of its evaluation"
    for profile in map(load_profile, profile_names()):
        if profile.has_settings_of(method):
            stage = inference_stage(method, profile.inference_values(method), 4)[name]
            assert stage.settings == profile.inference[name] and not stage.weights


def test_only_supervised_methods_are_built_on_pairs() -> None:
    for method in every_method():
        on_pairs = any("pairs" in get_stage(stage).reads for stage in method.stages)
        assert on_pairs == (method.family == "supervised"), method.name


def test_settings_load_without_torch() -> None:
    load = "from benchmarks.catalog.profiles import *; [load_profile(name) for name in profile_names()]"
    code = f"import sys; {load}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degradation_repeats_itself_and_describes_itself(name: str) -> None:
    cls: type[Degradation] = resolve(DEGRADATIONS[name].target)
    settings = {profile: load_profile(profile, [f"degradation={name}"]).degradation for profile in profile_names()}
    assert cls.name == name
    for degradation in settings.values():
        image = photograph().astype(np.float64)
        first = degradation.apply(image, 4, "a")
        assert first.shape in (SIZE, (SIZE[0] // 4, SIZE[1] // 4, 3)) and np.isfinite(first).all()
        assert np.array_equal(first, degradation.apply(image, 4, "a"))
        assert np.array_equal(first, degradation.apply(image, 4, "b")) != degradation.random
        assert build(cls, degradation.parameters, "a test") == degradation
        assert degradation.identity[0]["name"] == name


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_knows_the_same_image_and_refuses_others(name: str) -> None:
    protocol = get_protocol(name)
    assert isinstance(protocol, Protocol)
    assert protocol.name == name and protocol.title and protocol.version >= 1
    image = photograph()
    same = protocol.score(image, image)
    assert same.psnr == float("inf") and same.ssim == pytest.approx(1)
    near, far = (protocol.score(with_noise(image, sigma), image) for sigma in (2, 20))
    assert near.psnr > far.psnr and near.ssim > far.ssim
    with pytest.raises(UsageError, match="sizes must be equal"):
        protocol.score(image[:-1], image)
    small = image[: protocol.smallest - 1]
    with pytest.raises(UsageError, match=f"{protocol.smallest}x{protocol.smallest}"):
        protocol.score(small, small)
    if protocol.view:
        views = protocol.view(image, image, same)
        assert views[0].shape == views[1].shape and views[0].dtype == np.uint8


@pytest.mark.parametrize(
    "metric", [pytest.param(m, id=m.name, marks=with_weights(m.weights)) for m in METRICS.values() if m.target]
)
def test_a_metric_prefers_the_nearer_image(metric: MetricEntry) -> None:
    image = astronaut()[:192, 128:320] if metric.no_reference else photograph()  # without a reference it must look natural
    images = [image, with_noise(image, 5), with_noise(image, 40)]
    try:
        loaded = load_metric(metric)
    except WeightsMissing as missing:
        pytest.skip(str(missing))
    same, near, far = loaded.score_batch(images, [image] * 3)
    assert all(isinstance(score, float) for score in (same, near, far))
    assert (same > near > far) if metric.higher_is_better else (same < near < far)


def test_a_kind_of_data_set_is_a_card() -> None:
    for name, entry in KINDS.items():
        assert issubclass(resolve(entry.target), DatasetCard), name


@pytest.mark.parametrize("name", dataset_names())
def test_a_data_set_can_be_read_and_says_its_terms(name: str) -> None:
    card = load_dataset_card(name)
    assert card.name == name and card.title and card.licence and card.citation
    assert card.has("test") or card.trains
    if card.is_located and not card.missing():
        card.verify([split for split in ("x", "z", "test") if card.has(split)])
        assert not card.has("test") or card.sources("test").hr.images or card.sources("test").lr


@pytest.mark.parametrize("name", sorted(path.stem for path in PAPERS.glob("*.toml")))
def test_a_paper_names_what_there_is(name: str) -> None:
    paper = load_paper(PAPERS / f"{name}.toml")
    assert paper.name == name
    assert paper.reported or paper.claims
    assert paper.dataset and get_protocol(paper.protocol)


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_can_be_planned(name: str) -> None:
    profile = load_profile(name)
    cells = make_plan(profile)
    assert len({cell.id for cell in cells}) == len({cell.folder for cell in cells}) == len(cells)
    assert [cell.label for cell in cells if cell.kind == "evaluate"] == [
        method for method in profile.methods for _ in profile.datasets
    ]


@pytest.mark.parametrize("name", EXECUTORS)
def test_an_executor_is_one(name: str) -> None:
    executor = resolve(EXECUTORS[name].target)
    assert issubclass(executor, NamedExecutor)
    assert set(executor.options) <= {"address", "slurm_partition"}


def test_names_are_unique() -> None:
    for registry in (methods(), stages(), METRICS, PROTOCOLS, DEGRADATIONS, KINDS, EXECUTORS):
        entry = next(iter(registry.values()))
        with pytest.raises(UsageError, match=f"two entries .* are called '{entry.name}'"):
            Registry(registry.kind, [*registry.values(), entry])


def test_lazy_strings_name_modules_of_their_own_room() -> None:
    rooms = {
        "benchmarks.scoring.protocols": PROTOCOLS,
        "benchmarks.degradations": DEGRADATIONS,
        "benchmarks.data.kinds": KINDS,
        "benchmarks.execution.executors": EXECUTORS,
    }
    for room, registry in rooms.items():
        modules = [module_of(entry.target) for entry in registry.values()]
        assert all(module.startswith(f"{room}.") for module in modules)
        assert len(set(modules)) == len(modules), "a file for each"
