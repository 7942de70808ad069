"""Profiles load strictly; every mistake is one line with advice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.catalog import profiles
from benchmarks.catalog.families import methods_of_families
from benchmarks.catalog.methods import methods, stages
from benchmarks.catalog.profiles import load_profile, profile_names
from benchmarks.core.errors import UsageError
from benchmarks.data.cards import load_dataset_card
from benchmarks.planning.inputs import names_of_profile
from benchmarks.planning.plan import make_plan
from benchmarks.planning.step_times import read_figures
from tests.conftest import ROOT


def test_all_profiles_load_with_every_stage() -> None:
    assert profile_names() == ["demo", "lab", "paper", "smoke"]
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name
        assert set(profile.stages) == set(stages())
        assert set(profile.inference) == {name for name, method in methods().items() if method.inference}
        if name == "lab":  # which has settings of its own for some methods alone
            continue
        by_name = set(methods()) - set(profile.methods)  # methods that --all leaves to --family and --methods
        assert set(profile.methods) <= set(methods()) and by_name <= set(methods_of_families(["unpaired"]))
        assert set(profile.estimates) == {*profile.stages, *profile.inference, "evaluate"}


def test_lab_has_the_papers_widths_and_rates_of_a_stated_source() -> None:
    lab, demo, paper = (load_profile(name) for name in ("lab", "demo", "paper"))
    inner, joint = lab.stages["cincgan-inner"], lab.stages["cincgan-joint"]
    for size in (inner.generator, joint.g3):
        assert (size.channels, size.blocks) == (64, 6)
    assert {size.channels for size in (inner.discriminator, joint.d2)} == {64}
    assert (lab.stages["edsr"].channels, lab.stages["edsr"].blocks) == (64, 16)
    assert inner.training.learning_rate == paper.stages["cincgan-inner"].training.learning_rate
    assert joint.training.learning_rate == demo.stages["cincgan-joint"].training.learning_rate
    assert joint.lr_losses == demo.stages["cincgan-joint"].lr_losses and joint.hr_losses == demo.stages["cincgan-joint"].hr_losses
    unpaired = make_plan(lab, methods_of_families(["unpaired"]))
    trained = {cell.label for cell in (*make_plan(lab), *unpaired) if cell.kind == "train"}
    assert trained <= set(lab.estimates) and min(lab.estimates[stage].seconds for stage in trained) > 0


def test_lab_trains_on_other_photographs_than_it_tests() -> None:
    lab = load_profile("lab")
    cards = [load_dataset_card(name) for name in lab.datasets]
    assert not any(card.trains for card in cards) and all(card.makes_lr("test") for card in cards)
    assert lab.degradation == load_profile("demo", ["degradation=track2-like-v2"]).degradation
    cells = make_plan(lab)
    assert {cell.dataset for cell in cells if cell.kind == "train"} == {lab.train_on} == {"bsds500"}
    assert {cell.dataset for cell in make_plan(lab, train_on="div2k-track2") if cell.kind == "train"} == {"div2k-track2"}
    assert {"bsds500", *lab.datasets} <= set(names_of_profile("lab"))


def test_the_dry_run_has_hours_of_other_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--methods", "edsr", "--profile", "lab", "--dry-run", "--output", str(tmp_path / "runs")]
    assert run.main(command) == 0
    assert "trainings alone on two CPU cores with avx512_bf16: 3.2 h" in capsys.readouterr().out
    assert run.main([*command, "--json"]) == 0
    hours = json.loads(capsys.readouterr().out)["trainings_elsewhere_hours"]
    seconds = load_profile("lab").estimates["edsr"].seconds
    assert hours == pytest.approx({name: seconds * factor / 3600 for name, factor in load_profile("lab").other_machines.items()})


@pytest.mark.parametrize("name", ["demo", "paper", "smoke"])
def test_the_weights_are_the_papers_in_every_profile(name: str) -> None:
    settings = load_profile(name).stages
    inner, joint = settings["cincgan-inner"], settings["cincgan-joint"]
    assert [getattr(inner.losses, term) for term in ("adversarial", "cycle", "identity", "tv")] == [1, 10, 5, 0.5]
    assert [getattr(joint.lr_losses, term) for term in ("adversarial", "cycle", "identity", "tv")] == [1, 10, 1, 0.5]
    assert [getattr(joint.hr_losses, term) for term in ("adversarial", "cycle", "identity", "tv")] == [1, 10, 5, 2]
    assert (inner.training.beta1, inner.training.beta2) == (0.5, 0.999)


def test_the_paper_profile_has_the_papers_schedule() -> None:
    settings = load_profile("paper").stages
    inner, joint = settings["cincgan-inner"].training, settings["cincgan-joint"].training
    assert (inner.steps, inner.learning_rate, inner.halve_every, inner.batch_size, inner.patch_size) == (
        400_000,
        2e-4,
        40_000,
        16,
        32,
    )
    assert (joint.steps, joint.learning_rate, joint.halve_every, joint.batch_size, joint.patch_size) == (
        400_000,
        1e-4,
        40_000,
        16,
        32,
    )
    assert (settings["edsr"].blocks, settings["edsr"].channels, settings["edsr"].res_scale) == (32, 256, 0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stages.edsr.training.stesp=1", "unknown key 'stesp': did you mean 'steps'"),
        ("stages.esdr.training.steps=1", "unknown key 'esdr': did you mean 'edsr'"),
        ("stages.edsr.training.steps.more=1", "unknown key 'more'"),
        ("stages.edsr.training.steps", "write key=value"),
        ("stages.edsr.training.steps=many", "stages.edsr.training.steps is a text ('many'): a whole number is needed"),
        ("stages.edsr.training.steps=-1", "stages.edsr.training.steps is -1: a whole number from 0 to 1,000,000,000 is needed"),
        ("stages.edsr.training.precision=float16", "'float16': did you mean 'bfloat16'? 'bfloat16' or 'float32' is needed"),
        ("stages.cincgan-inner.losses.tv_reduction=median", "'median': did you mean 'mean'? 'mean', 'norm' or 'sum' is needed"),
        ("methods=['bicubc']", "unknown method 'bicubc': did you mean 'bicubic'"),
        ("methods=[]", "methods is a list of 0 values: a list of at least 1 value is needed"),
        ("protocols=['rbg']", "unknown protocol 'rbg': did you mean 'rgb'"),
        ("seeds=[-1]", "seeds[0] is -1: a whole number from 0 to 2,147,483,647 is needed"),
        ("methods=[1", "not valid TOML"),
        ("degradation=track-2", "unknown degradation 'track-2': did you mean 'track2-like'"),
        ("degradation=[]", "degradation is []: give a name or a list of names"),
        ("degradation=['bicubic', 1]", "degradation is ['bicubic', 1]: give a name or a list of names"),
        ("degradations.track2-like.blur_sigma_min=4", "blur_sigma_min is larger than blur_sigma_max"),
        ("degradations.track2-like.motion_max=inf", "motion_max is inf: a number from 0 to 64 is needed"),
        ("degradations.track2-like.noise_signal=nan", "noise_signal is nan: a number from 0 to 255 is needed"),
        ("threads=99999999999999", "threads is 99999999999999: a whole number from 1 to 1,024 is needed"),
        ("stages.edsr.training.patch_size=2", "patch_size is 2: a whole number from 8 to 1,000,000,000 is needed"),
        ("stages.cincgan-inner.generator.global_skip=false", "residual_window needs global_skip"),
        ("estimates.edsr={second=1, megabytes=1}", "unknown key 'second': did you mean 'seconds'"),
        ("resources.train.gpus=1.5", "resources.train.gpus = 1.5: give a whole number of GPUs, or a share of one, below 1"),
    ],
)
def test_a_wrong_change_is_one_clear_line(change: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_profile("demo", [change])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_changes_take_toml_values_and_bare_words() -> None:
    profile = load_profile("demo", ["metrics=['psnr', 'ssim']", "seeds=[3, 4]", "stages.edsr.training.learning_rate=2e-4"])
    assert profile.metrics == ("psnr", "ssim")
    assert profile.seeds == (3, 4)
    assert profile.stages["edsr"].training.learning_rate == 2e-4


def test_auto_threads_are_the_number_of_physical_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "physical_cores", lambda: 3)
    profile = load_profile("demo", ["threads=auto"])
    assert profile.threads == profile.resources_for("train", "edsr").cpus == 3
    with pytest.raises(UsageError, match="threads is a text"):
        load_profile("demo", ["threads=all"])


def test_estimates_of_the_paper_profile_are_those_of_measured_steps() -> None:
    """A step that was measured in bfloat16 alone takes longer in float32 by the ratio of both ceilings of the inner stage."""
    figures = {(figure.stage, figure.precision): figure for figure in read_figures(ROOT / "docs" / "performance" / "h200.json")}
    paper = load_profile("paper")
    slower = (figures["cincgan-inner", "bfloat16"].ceiling or 0) / (figures["cincgan-inner", "float32"].ceiling or 1)
    for stage, figure in {stage: figure for (stage, _), figure in reversed(figures.items())}.items():
        training = paper.stages[stage].training
        assert (training.batch_size, training.patch_size) == (figure.batch_size, figure.patch_size)
        assert training.precision == "float32" and figure.seconds
        seconds = figure.seconds * (slower if figure.precision == "bfloat16" else 1)
        assert paper.estimates[stage].seconds == pytest.approx(training.steps * seconds, rel=0.01)


def test_memory_of_the_paper_profile_is_that_of_measured_steps() -> None:
    paper, measured = load_profile("paper"), read_figures(ROOT / "docs" / "performance" / "paper-memory.json")
    assert {figure.stage for figure in measured} == set(paper.stages)
    for figure in measured:
        training = paper.stages[figure.stage].training
        size = (training.precision, training.batch_size, training.patch_size)
        assert (figure.precision, figure.batch_size, figure.patch_size) == size and figure.megabytes
        assert paper.estimates[figure.stage].memory_gb == pytest.approx(figure.megabytes / 1000, abs=0.051)
        assert figure.megabytes < 24_000, "a step fits into 24 GB"


def test_an_unknown_profile_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'demo'"):
        load_profile("demmo")


def test_optional_settings_can_be_changed_although_no_file_names_them() -> None:
    assert load_profile("demo", ["stages.edsr.training.recompute=true"]).stages["edsr"].training.recompute
    assert not load_profile("demo").stages["edsr"].training.recompute


def test_a_degradation_can_be_a_list_of_operators() -> None:
    degradation = load_profile("demo", ["degradation=['track2-like', 'bicubic']"]).degradation
    assert [part.name for part in degradation.parts] == ["track2-like", "bicubic"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of profiles, copied, to add to."""
    for path in profiles.FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(profiles, "FOLDER", tmp_path)
    profiles._merged.cache_clear()
    yield tmp_path
    profiles._merged.cache_clear()


def test_a_profile_says_only_what_it_changes(folder: Path) -> None:
    text = 'extends = "demo"\nname = "night"\ndescription = "longer"\n[stages.edsr.training]\nsteps = 9\n[estimates]\n'
    (folder / "night.toml").write_text(text, encoding="utf-8")
    night, demo = load_profile("night"), load_profile("demo")
    assert (night.name, night.description, night.estimates) == ("night", "longer", {}), "estimates are of one machine"
    assert night.stages["edsr"].training.steps == 9
    assert night.stages["edsr"].channels == demo.stages["edsr"].channels
    assert {name: night.stages[name] for name in night.stages if name != "edsr"} == {
        name: demo.stages[name] for name in demo.stages if name != "edsr"
    }
    assert (night.seeds, night.methods, night.degradation) == (demo.seeds, demo.methods, demo.degradation)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "dmeo"\nname = "night"\n', "unknown profile 'dmeo': did you mean 'demo'"),
        ('extends = "night"\nname = "night"\n', "profile 'night': its 'extends' lead back to 'night' (through night)"),
        ('extends = "demo"\nname = "day"\n', "name is 'day': it must be the file's, 'night'"),
        ('extends = "demo"\nname = "night"\n[stages]\nedsr = 3\n', "stages.edsr is a whole number (3): a table is needed"),
        ('extends = "demo"\nname = "night"\nstages = 3\n', "[stages] is not a table: write"),
        ('extends = "demo"\nname = "night"\ndegradations = 3\n', "[degradations] is not a table: write"),
        ('extends = "demo"\nname = "night"\n[degradations.blur]\n', "unknown degradation 'blur'"),
        ('extends = 3\nname = "night"\n', "extends 3: the name of a profile is needed"),
    ],
)
def test_a_wrong_file_is_one_clear_line(text: str, message: str, folder: Path) -> None:
    (folder / "night.toml").write_text(f'description = "longer"\n{text}', encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_profile("night")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_methods_file_names_profiles_that_there_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "profiles.txt"
    path.write_text("[dmeo.stages.edsr]\nchannels = 3\n", encoding="utf-8")
    monkeypatch.setattr(profiles, "profile_files", lambda: [path])
    with pytest.raises(UsageError, match="unknown profile 'dmeo': did you mean 'demo'"):
        load_profile("demo")
