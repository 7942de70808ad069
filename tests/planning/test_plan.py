"""Plans: order of cells, and which cells a changed setting or data set gives a new id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.catalog.methods import get_method, variants_of
from benchmarks.catalog.profiles import load_profile, profile_names
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.data.kinds.packaged_photos import PackagedPhotos
from benchmarks.degradations.bsrgan import BSRGAN
from benchmarks.degradations.operator import label
from benchmarks.planning import plan
from benchmarks.planning.cells import Cell, find_cell
from benchmarks.planning.plan import make_plan
from benchmarks.planning.variants import varied

TRIO = ("bicubic", "edsr", "cincgan")
ALL = {"train edsr", "train cincgan-inner", "train cincgan-joint", *(f"evaluate {method}" for method in TRIO)}


def ids(cells: list[Cell]) -> dict[str, str]:
    return {f"{cell.kind} {cell.label}": cell.id for cell in cells}


def changed(*changes: str, seed: int = 0) -> set[str]:
    before = ids(make_plan(load_profile("demo"), TRIO))
    after = ids(make_plan(load_profile("demo", changes), TRIO, seeds=[seed]))
    assert set(before) == set(after) == ALL
    return {name for name in ALL if before[name] != after[name]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("stages.edsr.training.steps=7", ALL - {"evaluate bicubic", "train cincgan-inner"}),
        ("stages.cincgan-inner.losses.tv=0.6", {"train cincgan-inner", "train cincgan-joint", "evaluate cincgan"}),
        ("stages.cincgan-joint.hr_losses.tv=3", {"train cincgan-joint", "evaluate cincgan"}),
        ("degradations.track2-like.noise_gaussian=3", ALL - {"train edsr"}),
        ("degradation=bicubic", ALL - {"train edsr"}),
        ("protocols=['rgb']", {"evaluate bicubic", "evaluate edsr", "evaluate cincgan"}),
        ("metrics=['psnr', 'ssim']", {"evaluate bicubic", "evaluate edsr", "evaluate cincgan"}),
        ("threads=1", ALL),
        ("description=other", set()),
        ("estimates.edsr.seconds=1", set()),
        ("resources.train.hours=2", set()),
    ],
)
def test_a_changed_setting_changes_what_depends_on_it_and_nothing_else(change: str, expected: set[str]) -> None:
    assert changed(change) == expected


def test_a_seed_changes_training_and_what_is_trained() -> None:
    assert changed(seed=1) == ALL - {"evaluate bicubic"}


def test_a_protocol_version_changes_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids(make_plan(load_profile("demo"), TRIO))
    monkeypatch.setattr(plan, "get_protocol", lambda name: replace(get_protocol(name), version=99))
    after = ids(make_plan(load_profile("demo"), TRIO))
    assert {name for name in ALL if before[name] != after[name]} == {name for name in ALL if name.startswith("evaluate")}


EVALUATIONS = {name for name in ALL if name.startswith("evaluate")}
INNER = {"train cincgan-inner", "train cincgan-joint", "evaluate cincgan"}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("x", INNER),
        ("z", ALL - {"evaluate bicubic"}),
        ("test", EVALUATIONS),
        ("licence", set()),
        ("sha256", ALL - {"evaluate bicubic"}),  # no test image is cut from it
    ],
)
def test_changed_data_change_what_sees_them_and_nothing_else(
    part: str, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ids(make_plan(load_profile("demo"), TRIO))
    card = plan.load_dataset_card("demo-photos")
    assert isinstance(card, PackagedPhotos)
    changes = {
        "x": ((0, 0, 96, 96),),
        "z": ((0, 256, 96, 96),),
        "test": ((8, 12, 96, 96),),
        "licence": "other",
        "sha256": "0" * 64,
    }
    changed_name = "coffee" if part == "test" else "astronaut"
    photos = tuple(replace(photo, **{part: changes[part]}) if photo.name == changed_name else photo for photo in card.photos)
    monkeypatch.setattr(plan, "load_dataset_card", lambda name: replace(card, photos=photos))
    after = ids(make_plan(load_profile("demo"), TRIO))
    assert {name for name in ALL if before[name] != after[name]} == expected


def test_needed_cells_come_first_and_are_shared() -> None:
    cells = make_plan(load_profile("demo"), TRIO, seeds=[0, 1])
    position = {cell.id: index for index, cell in enumerate(cells)}
    assert len(position) == len(cells) == 11  # bicubic once, five cells a seed
    for cell in cells:
        assert all(position[needed.id] < position[cell.id] for needed in cell.needs.values())
    assert cells[0].label == "bicubic"


def test_every_method_is_planned_in_every_profile() -> None:
    for profile in map(load_profile, profile_names()):
        cells = make_plan(profile)
        scored = [cell.label for cell in cells if cell.kind == "evaluate"]
        assert scored == [method for method in profile.methods for _ in profile.datasets]
        trained = [(cell.label, cell.variant) for cell in cells if cell.kind == "train"]
        assert len(trained) == len(set(trained)), "no training twice"


VARIANTS = {name.partition("/")[2] for name in variants_of("cincgan")}


@pytest.mark.parametrize(
    ("variant", "anew"),
    [
        ("no-joint", {"cincgan-inner"}),
        ("no-inner-cycle", {"cincgan-joint"}),
        ("no-outer-cycle", {"cincgan-joint"}),
        ("no-g3-cycle", {"cincgan-joint"}),
        ("no-hr-identity", {"cincgan-joint"}),
        ("no-hr-tv", {"cincgan-joint"}),
        ("losses-mean", {"cincgan-joint"}),
        ("no-sr-pretraining", {"edsr", "cincgan-joint"}),
        ("no-d1", {"cincgan-inner", "cincgan-joint"}),
        ("no-g2-cycle", {"cincgan-inner", "cincgan-joint"}),
        ("no-lr-identity", {"cincgan-inner", "cincgan-joint"}),
        ("no-lr-tv", {"cincgan-inner", "cincgan-joint"}),
        ("losses-norm", {"cincgan-inner", "cincgan-joint"}),
        ("losses-sum", {"cincgan-inner", "cincgan-joint"}),
        ("d-padding-0", {"cincgan-inner", "cincgan-joint"}),
    ],
)
def test_a_variant_trains_anew_only_what_it_changes(variant: str, anew: set[str]) -> None:
    cells = make_plan(load_profile("demo"), ["cincgan", f"cincgan/{variant}"])
    full = {cell.id for cell in make_plan(load_profile("demo"), ["cincgan"])}
    added = [cell for cell in cells if cell.id not in full]
    assert {cell.label for cell in added if cell.kind == "train"} == anew
    assert [cell.label for cell in added if cell.kind == "evaluate"] == [f"cincgan/{variant}"]
    assert all(cell.variant == variant for cell in added if cell.kind == "train")


def test_the_ablation_covers_every_declared_variant() -> None:
    parameters = test_a_variant_trains_anew_only_what_it_changes.pytestmark[0].args[1]
    assert [name for name, _ in parameters] and {name for name, _ in parameters} == VARIANTS


def test_a_variant_without_a_stage_does_not_build_on_it() -> None:
    (joint,) = (cell for cell in make_plan(load_profile("demo"), ["cincgan/no-inner-cycle"]) if cell.label == "cincgan-joint")
    assert set(joint.needs) == {"edsr"}


@pytest.mark.parametrize("profile", profile_names())
def test_every_variant_of_cincgan_has_as_many_steps_in_all(profile: str) -> None:
    def steps(method: str) -> int:
        cells = make_plan(load_profile(profile), [method], seeds=[0], datasets=["demo-photos"], train_on="demo-photos")
        return sum(cell.stage_settings.training.steps for cell in cells if cell.kind == "train")

    full = steps("cincgan")
    assert full and {variant: steps(f"cincgan/{variant}") for variant in VARIANTS} == dict.fromkeys(VARIANTS, full)


def test_the_stage_that_gets_a_variants_steps_halves_its_rate_in_proportion() -> None:
    profile = load_profile("demo", ["stages.cincgan-inner.training.steps=270"])
    (joint,) = (cell for cell in make_plan(profile, ["cincgan/no-inner-cycle"]) if cell.label == "cincgan-joint")
    assert (joint.stage_settings.training.steps, joint.stage_settings.training.halve_every) == (360, 240)


def test_steps_go_to_a_stage_that_the_variant_trains() -> None:
    variant = replace(get_method("cincgan/no-joint"), steps_to="cincgan-joint")
    with pytest.raises(UsageError, match="'cincgan/no-joint': steps_to = 'cincgan-joint': it trains edsr, cincgan-inner"):
        varied(load_profile("demo"), variant)


def test_a_users_change_and_a_variants_change_add_up() -> None:
    profile = load_profile("demo", ["stages.cincgan-joint.hr_losses.tv=3.0"])
    for variant, tv in (("no-hr-identity", 3.0), ("no-hr-tv", 0.0)):
        (joint,) = (cell for cell in make_plan(profile, [f"cincgan/{variant}"]) if cell.label == "cincgan-joint")
        assert joint.stage_settings.hr_losses.tv == tv


def test_an_unknown_variant_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown variant 'cincgan/no-d2': did you mean 'cincgan/no-d1'"):
        make_plan(load_profile("demo"), ["cincgan/no-d2"])
    with pytest.raises(UsageError, match="unknown variant 'edsr/no-d1'"):
        make_plan(load_profile("demo"), ["edsr/no-d1"])


def test_cells_are_found_by_a_unique_prefix() -> None:
    cells = make_plan(load_profile("demo"), TRIO)
    assert find_cell(cells, cells[3].id[:8]) is cells[3]
    with pytest.raises(UsageError, match="no cell"):
        find_cell(cells, "xyz")
    with pytest.raises(UsageError, match="6 cells"):
        find_cell(cells, "")


def test_images_are_scored_under_further_degradations_by_the_same_trainings() -> None:
    profile, methods = load_profile("demo"), ["bicubic", "cincgan"]
    alone = make_plan(profile, methods)
    cells = make_plan(profile, methods, also_degraded=["bsrgan", "bicubic", "track2-like"])
    assert {cell.id for cell in alone} < {cell.id for cell in cells}
    assert [cell for cell in cells if cell.kind == "train"] == [cell for cell in alone if cell.kind == "train"]
    scored = [(cell.label, label(cell.data.degradation)) for cell in cells if cell.kind == "evaluate"]
    assert scored == [(method, name) for method in methods for name in ("track2-like", "bsrgan", "bicubic")]
    for cell in cells[1:]:
        assert (label(cell.training_data.degradation) == "track2-like") if cell.training_data else cell.label != "cincgan"
    strong = load_profile("demo", ["degradations.bsrgan.noise_sigma=[40, 50]"])
    other = make_plan(strong, ["bicubic"], also_degraded=["bsrgan"])[1]
    assert other.data.degradation == BSRGAN(noise_sigma=(40.0, 50.0))
    assert cells[1].exploratory == "scored under bsrgan, on which nothing was frozen"


def test_further_degradations_that_do_not_fit_are_one_line() -> None:
    profile = load_profile("demo")
    with pytest.raises(UsageError, match=r"^unknown degradation 'bsrgann': did you mean 'bsrgan'\?"):
        make_plan(profile, ["bicubic"], also_degraded=["bsrgann"])
    with pytest.raises(UsageError, match=r"^data set 'div2k-track2' has LR images of its own, .*: leave --also-degraded out"):
        make_plan(profile, ["bicubic"], ["div2k-track2"], also_degraded=["bsrgan"])
