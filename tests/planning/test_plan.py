"""Cell identities: exactly what depends on a change gets a new one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.catalog.methods import variants_of
from benchmarks.catalog.profiles import load_profile, profile_names
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core import source
from benchmarks.core.code_digest import code_digest
from benchmarks.core.errors import UsageError
from benchmarks.data.kinds.packaged_photos import PackagedPhotos
from benchmarks.planning import plan
from benchmarks.planning.cells import Cell, find_cell
from benchmarks.planning.plan import make_plan
from tests.conftest import ROOT

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
        ("track2_like.noise_gaussian=3", ALL - {"train edsr"}),
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
    monkeypatch.setitem(PROTOCOLS, "rgb", replace(PROTOCOLS["rgb"], version=99))
    after = ids(make_plan(load_profile("demo"), TRIO))
    assert {name for name in ALL if before[name] != after[name]} == {name for name in ALL if name.startswith("evaluate")}


EVALUATIONS = {name for name in ALL if name.startswith("evaluate")}
INNER = {"train cincgan-inner", "train cincgan-joint", "evaluate cincgan"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("cincgan/losses.py", INNER),
        ("cincgan/inner.py", INNER),
        ("cincgan/joint.py", {"train cincgan-joint", "evaluate cincgan"}),
        ("cincgan/method.py", {"evaluate cincgan"}),
        ("baselines/edsr.py", ALL - {"train cincgan-inner", "evaluate bicubic"}),
        ("baselines/bicubic.py", {"evaluate bicubic"}),
        ("baselines/fsrcnn.py", set()),
        ("benchmarks/training/loop.py", ALL - {"evaluate bicubic"}),
        ("benchmarks/training/health.py", ALL - {"evaluate bicubic"}),
        ("benchmarks/data/pixels/sampler.py", ALL - {"evaluate bicubic"}),
        ("benchmarks/degradations/track2_like.py", ALL),
        ("benchmarks/data/pixels/decode.py", ALL),
        ("benchmarks/scoring/metrics.py", EVALUATIONS),
        ("benchmarks/scoring/alignment.py", EVALUATIONS),
        ("benchmarks/scoring/protocols.py", EVALUATIONS),
        ("benchmarks/scoring/lpips.py", EVALUATIONS),
        ("benchmarks/scoring/statistics.py", EVALUATIONS),
        *((f"benchmarks/{name}.py", set()) for name in ("run", "invocation", "tracking", "files", "results", "interruption")),
        *((f"reports/{name}.py", set()) for name in ("tables", "build", "claims")),
    ],
)
def test_changed_code_changes_what_it_computes_and_nothing_else(
    module: str, expected: set[str], sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ids(make_plan(load_profile("demo"), TRIO))
    monkeypatch.setattr(source, "ROOT", sources)
    forget_code()
    assert ids(make_plan(load_profile("demo"), TRIO)) == before
    path = sources / module
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\nTOUCHED = 1\n", encoding="utf-8")
    forget_code()
    after = ids(make_plan(load_profile("demo"), TRIO))
    path.write_text(text, encoding="utf-8")
    assert {name for name in ALL if before[name] != after[name]} == expected


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
    changes = {"x": ((0, 0, 96, 96),), "z": ((0, 0, 96, 96),), "test": ((0, 0, 96, 96),), "licence": "other", "sha256": "0" * 64}
    first = replace(card.photos[0], **{part: changes[part]})
    monkeypatch.setattr(plan, "load_dataset_card", lambda name: replace(card, photos=(first, *card.photos[1:])))
    after = ids(make_plan(load_profile("demo"), TRIO))
    assert {name for name in ALL if before[name] != after[name]} == expected


@pytest.fixture(scope="module")
def copied_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sources")
    for package in source.PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def sources(copied_sources: Path) -> Iterator[Path]:
    """A copy of the project's source, to change."""
    yield copied_sources
    forget_code()


def forget_code() -> None:
    code_digest.cache_clear()
    source._module.cache_clear()


def test_code_counts_through_its_imports_and_comments_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "cincgan"
    package.mkdir()
    (package / "a.py").write_text("from cincgan import b\n")
    (package / "b.py").write_text("import torch\nX = 1\n")
    monkeypatch.setattr(source, "ROOT", tmp_path)

    def digest() -> str:
        forget_code()
        return code_digest("cincgan.a")

    first = digest()
    (package / "b.py").write_text('"""Text."""\nimport torch  # a remark\nX = 1\n')
    assert digest() == first
    (package / "b.py").write_text("import torch\nX = 2\n")
    assert digest() != first
    forget_code()


def test_the_training_code_does_not_depend_on_the_scoring_code() -> None:
    reached: set[str] = set()

    def walk(module: str) -> None:
        if module in reached or module in source.PLUMBING:
            return
        reached.add(module)
        import ast

        for name in source._project_imports(ast.parse(source._source(module).read_bytes())):
            walk(name)

    for module in ("cincgan.joint", "benchmarks.training.loop"):
        walk(module)
    assert "cincgan.losses" in reached
    assert "baselines.edsr" in reached
    assert not reached & {
        "benchmarks.scoring.protocols",
        "benchmarks.scoring.metrics",
        "benchmarks.run",
        "benchmarks.planning.plan",
        "benchmarks.catalog.profile",
    }


def test_needed_cells_come_first_and_are_shared() -> None:
    cells = make_plan(load_profile("demo"), TRIO, seeds=[0, 1])
    position = {cell.id: index for index, cell in enumerate(cells)}
    assert len(position) == len(cells) == 11  # bicubic once, five cells a seed
    for cell in cells:
        assert all(position[needed.id] < position[cell.id] for needed in cell.needs.values())
    assert cells[0].label == "bicubic"


def test_a_method_of_the_registry_is_planned_in_every_profile() -> None:
    for profile in profile_names():
        cells = make_plan(load_profile(profile))
        assert [cell.label for cell in cells if cell.kind == "evaluate"] == list(load_profile(profile).methods)
        trained = [cell.label for cell in cells if cell.kind == "train"]
        assert len(trained) == len(set(trained)), "no training twice"


VARIANTS = {entry.name.partition("/")[2]: entry for entry in variants_of("cincgan")}


@pytest.mark.parametrize(
    ("variant", "anew"),
    [
        ("no-joint", set()),
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
    assert [name for name, _ in parameters] and {name for name, _ in parameters} == set(VARIANTS)


def test_a_variant_without_a_stage_does_not_build_on_it() -> None:
    (joint,) = (cell for cell in make_plan(load_profile("demo"), ["cincgan/no-inner-cycle"]) if cell.label == "cincgan-joint")
    assert set(joint.needs) == {"edsr"}


def test_a_users_change_and_a_variants_change_add_up() -> None:
    profile = load_profile("demo", ["stages.cincgan-joint.hr_losses.tv=3.0"])
    for variant, tv in (("no-hr-identity", 3.0), ("no-hr-tv", 0.0)):
        (joint,) = (cell for cell in make_plan(profile, [f"cincgan/{variant}"]) if cell.label == "cincgan-joint")
        assert joint.settings["hr_losses"]["tv"] == tv


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
