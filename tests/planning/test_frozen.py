"""Frozen profiles: settings that were fixed before test images were scored; everything else is exploratory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import freeze as command
from benchmarks.catalog.methods import get_method
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.data import cards
from benchmarks.data.cards import load_dataset_card
from benchmarks.planning import frozen
from benchmarks.planning.frozen import (
    OWN_IMAGES,
    PATH,
    freeze,
    frozen_profiles,
    settings_digest,
    stale_names,
    why_data_are_exploratory,
    why_exploratory,
)
from benchmarks.planning.plan import make_plan
from reports.captions import table_caption
from reports.grids import table_grid
from reports.paper import load_papers
from reports.tables import Row, Table


@pytest.fixture
def demo_is_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The profile demo, frozen for seeds 0, 1 and 2 in a file of its own."""
    path = tmp_path / "frozen.toml"
    path.write_text("")
    monkeypatch.setattr(frozen, "PATH", path)
    frozen_profiles.cache_clear()
    assert command.main(["demo", "--seeds", "0", "1", "2"]) == 0
    frozen_profiles.cache_clear()
    yield path
    frozen_profiles.cache_clear()


def test_frozen_profiles_are_as_they_were_frozen() -> None:
    """After a deliberate change, chosen on validation images: python -m benchmarks.freeze PROFILE."""
    for name, profile in frozen_profiles().items():
        assert stale_names(load_profile(name)) == [], f"python -m benchmarks.freeze {name}"
        present = load_profile(name)
        assert profile.seeds[: len(present.seeds)] == present.seeds
    assert "paper" in frozen_profiles() and "smoke" not in frozen_profiles() and PATH.name == "frozen.toml"


def test_the_papers_profile_is_frozen_for_as_many_seeds_as_claims_need() -> None:
    """Other seeds are exploratory, and an exploratory result reproduces no claim."""
    needed = max(claim.seeds for paper in load_papers().values() for claim in paper.claims)
    assert len(frozen_profiles()["paper"].seeds) >= needed


def test_seeds_stay_as_they_were_frozen() -> None:
    assert freeze(load_profile("paper")).seeds == frozen_profiles()["paper"].seeds == (0, 1, 2)
    assert load_profile("paper").seeds == (0,)
    assert freeze(load_profile("paper"), [4, 5]).seeds == (4, 5)
    assert freeze(load_profile("smoke")).seeds == load_profile("smoke").seeds


def reasons(*changes: str, seeds: tuple[int, ...] = (0,)) -> dict[str, str]:
    cells = make_plan(load_profile("demo", changes), ["bicubic", "edsr", "cincgan", "cincgan/no-d1"], seeds=seeds)
    assert not any(cell.exploratory for cell in cells if cell.kind == "train"), "trainings are no results"
    return {f"{cell.label} {cell.seed}": cell.exploratory for cell in cells if cell.kind == "evaluate"}


@pytest.mark.usefixtures("demo_is_frozen")
def test_a_change_makes_those_methods_exploratory_whose_scores_it_can_move() -> None:
    assert set(reasons().values()) == {""}
    only_edsr = "changed by --set stages.edsr.training.steps=7"
    trained = {"edsr 0": only_edsr, "cincgan 0": only_edsr, "cincgan/no-d1 0": only_edsr}
    assert reasons("stages.edsr.training.steps=7") == {"bicubic None": "", **trained}
    assert set(reasons("degradation=bicubic").values()) == {"changed by --set degradation=bicubic"}
    assert set(reasons("description=other", "resources.train.hours=2").values()) == {""}
    steps = load_profile("demo").stages["edsr"].training.steps
    assert set(reasons(f"stages.edsr.training.steps={steps}").values()) == {""}, "the value that it has"


@pytest.mark.usefixtures("demo_is_frozen")
def test_other_seeds_are_exploratory() -> None:
    assert set(reasons(seeds=(0, 1, 2)).values()) == {""}
    assert reasons(seeds=(3,))["edsr 3"] == "seed 3 is none of the frozen seeds 0, 1, 2"
    assert reasons(seeds=(3,))["bicubic None"] == ""
    for seeds in ((), (0,), (1, 0), (0, 1, 2)):
        assert frozen.why_seeds_are_exploratory("demo", seeds) == ""
    for seeds in ((1,), (0, 2)):
        assert "where the frozen list begins 0" in frozen.why_seeds_are_exploratory("demo", seeds)


def data_reason(profile: str, dataset: str, train_on: str | None) -> str:
    return why_data_are_exploratory(profile, load_dataset_card(dataset), load_dataset_card(train_on) if train_on else None)


def test_other_data_are_exploratory() -> None:
    """Who may choose among test sets or training sets chooses by test scores."""
    for profile, dataset, train_on in (
        ("demo", "demo-photos", "demo-photos"),
        ("demo", "bsd100-hr", "demo-photos"),  # declared beforehand
        ("lab", "kodak24", "bsds500"),
        ("smoke", "set5", "bsds500"),  # not frozen at all, which is a reason of its own
    ):
        assert data_reason(profile, dataset, train_on) == data_reason(profile, dataset, None) == ""
    assert data_reason("demo", "set5", "demo-photos") == "scored on set5, which is not frozen for profile demo"
    for dataset in ("demo-photos", "bsd100-hr"):
        trained = f"trained on bsds500, which is not frozen for profile demo and {dataset}"
        assert data_reason("demo", dataset, "bsds500") == trained


def test_a_changed_card_of_a_further_test_set_is_noticed(
    demo_is_frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data_reason("demo", "bsd100-hr", None) == "scored on bsd100-hr, which is not frozen for profile demo"
    assert command.main(["demo", "--also-tested", "bsd100-hr"]) == 0
    frozen_profiles.cache_clear()
    assert data_reason("demo", "bsd100-hr", "demo-photos") == ""
    text = demo_is_frozen.read_text()
    assert command.main(["demo"]) == 0 and demo_is_frozen.read_text() == text, "the list stays"
    for wrong in ("bsd100hr", "folder", "demo-photos"):
        assert command.main(["demo", "--also-tested", wrong]) == UsageError.exit_code
    error = capsys.readouterr().err
    assert "did you mean" in error and "no test images of its own" in error and "is tested on it already" in error
    for name in ("bsd100-hr", "demo-photos"):
        (tmp_path / f"{name}.toml").write_text((cards.CARDS / f"{name}.toml").read_text())
    changed = tmp_path / "bsd100-hr.toml"
    changed.write_text(changed.read_text().replace("last = 100", "last = 50"))
    monkeypatch.setattr(cards, "CARDS", tmp_path)
    assert stale_names(load_profile("demo")) == ["data set bsd100-hr"]
    assert "whose card is another one than was frozen for profile demo" in data_reason("demo", "bsd100-hr", None)


def test_images_of_ones_own_are_no_alarm(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "test" / "photo.png")
    (cell,) = make_plan(load_profile("demo"), ["bicubic"], ["folder"], data_dir=tmp_path)
    assert cell.exploratory == OWN_IMAGES
    rows = (Row("bicubic", exploratory=OWN_IMAGES), Row("mine", exploratory="a user's own model"))
    table = Table("folder (photos)", "demo", (), rows)
    assert table_caption(table).startswith("Images of your own, which no profile was frozen for. folder (photos), profile demo: ")
    notes = [row[0].small for section in table_grid("t", table).sections for row in section.rows]
    assert notes == ["", "exploratory: a user's own model"]


@pytest.mark.usefixtures("demo_is_frozen")
def test_profiles_and_methods_that_are_not_frozen() -> None:
    assert why_exploratory(load_profile("smoke"), get_method("bicubic"), None) == "profile smoke is not frozen"
    plugged_in = replace(get_method("bicubic"), name="mine")
    assert why_exploratory(load_profile("demo"), plugged_in, None) == "mine is not frozen in profile demo"


def test_a_digest_follows_the_regions_of_a_card_but_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo, bicubic = load_profile("demo"), get_method("bicubic")
    before = settings_digest(demo, bicubic)
    text = (cards.CARDS / "demo-photos.toml").read_text()
    monkeypatch.setattr(cards, "CARDS", tmp_path)
    (tmp_path / "demo-photos.toml").write_text(text.replace("Colour photographs", "Photographs"))
    assert settings_digest(demo, bicubic) == before
    (tmp_path / "demo-photos.toml").write_text(text.replace("test = [[104, 108, ", "test = [[100, 108, "))
    assert settings_digest(demo, bicubic) != before


def test_the_command_checks_and_names_what_differs(
    demo_is_frozen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main(["--check"]) == 0
    assert "demo: as frozen" in capsys.readouterr().out
    text = demo_is_frozen.read_text()
    digest = frozen_profiles()["demo"].methods["edsr"]
    demo_is_frozen.write_text(text.replace(f'"edsr" = "{digest}"', '"edsr" = "0000"'))
    frozen_profiles.cache_clear()
    assert command.main(["--check"]) == BenchmarkError.exit_code
    error = capsys.readouterr().err
    assert "profile 'demo': other settings than the frozen ones (edsr): choose on validation images, then" in error
    assert reasons()["edsr 0"] == "other settings than those that profile demo was frozen with"
    assert command.main(["demo", "--seeds", "0", "1", "2"]) == 0
    assert demo_is_frozen.read_text() == text, "the same settings give the same bytes"
    for wrong in ([], ["demo", "--seeds", "1", "1"], ["dmeo"]):
        assert command.main(wrong) == UsageError.exit_code
    assert "did you mean 'demo'" in capsys.readouterr().err
    for beside in (["demo"], ["--seeds", "0"], ["--also-tested"]):
        assert command.main([*beside, "--check"]) == UsageError.exit_code
        assert "--check excludes PROFILE, --seeds and --also-tested" in capsys.readouterr().err


def test_scores_of_validation_images_are_no_cells_of_test() -> None:
    profile = load_profile("demo")
    test, validation = (make_plan(profile, ["bicubic", "edsr"], split=split) for split in ("test", "validation"))
    assert [cell.id for cell in test if cell.kind == "train"] == [cell.id for cell in validation if cell.kind == "train"]
    scored = [{cell.id for cell in cells if cell.kind == "evaluate"} for cells in (test, validation)]
    assert not scored[0] & scored[1]
    assert {cell.splits for cell in validation if cell.kind == "evaluate"} == {("validation",)}
    with pytest.raises(UsageError, match="data set 'set5' has no validation images: name another with --datasets"):
        make_plan(profile, ["bicubic"], ["set5"], split="validation")
