"""The command as a user runs it: real processes, real training, real MLflow."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

from benchmarks.catalog.families import FAMILIES
from benchmarks.catalog.methods import get_method, variants_of
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.results.files import read_result, write_result
from benchmarks.results.layout import result_files
from benchmarks.results.record import EvaluationResult, TrainingResult
from cincgan import CinCGAN
from reports.tables import method_order
from tests.conftest import ROOT, Run

pytestmark = pytest.mark.train

METHODS = load_profile("smoke").methods
STAGES = {stage for name in METHODS for stage in get_method(name).stages}
WITHOUT_LPIPS = "metrics=['psnr', 'ssim']"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One finished ``--all --profile smoke`` and what it printed."""
    output = tmp_path_factory.mktemp("smoke") / "runs"
    line = [sys.executable, "-m", "benchmarks.run", "--all", "--profile", "smoke", "--output", str(output)]
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return output, done.stdout


def trainings(output: Path) -> dict[str, TrainingResult]:
    """Results of training cells, by stage."""
    results = [read_result(path) for path in result_files(output, "train")]
    return {result.cell.label: result for result in results if isinstance(result, TrainingResult)}


def evaluations(output: Path) -> dict[str, EvaluationResult]:
    """Results of evaluation cells, by method."""
    results = [read_result(path) for path in result_files(output, "evaluate")]
    return {result.cell.label: result for result in results if isinstance(result, EvaluationResult)}


def test_every_method_is_trained_and_scored(smoke: tuple[Path, str]) -> None:
    output, printed = smoke
    trained, evaluated = trainings(output), evaluations(output)
    assert (set(trained), set(evaluated)) == (set(STAGES), set(METHODS))
    for method in METHODS:
        assert f"  {method} " in printed
        scores = evaluated[method].scores
        assert set(scores["rgb"]) == {"psnr", "ssim", "lpips"}
        assert set(scores["ntire2018"]) == {"psnr", "ssim"}
        assert all(len(values) == 18 for metrics in scores.values() for values in metrics.values())
    for result in trained.values():
        assert result.history[-1]["step"] == result.settings.stage["training"]["steps"]
        assert len(result.weights_digest) == 64
    assert len({json.dumps(result.scores) for result in evaluated.values()}) == len(METHODS)
    table = (output / "table-smoke.md").read_text(encoding="utf-8")
    used = [family for family in FAMILIES if any(get_method(name).family == family for name in METHODS)]
    starts = [table.index(f"*{FAMILIES[family]}*") if FAMILIES[family] else 0 for family in used]
    spans = dict(zip(used, pairwise([*starts, len(table)]), strict=True))
    for name in METHODS:
        first, last = spans[get_method(name).family]
        assert first < table.index(f"| {name} ") < last
    assert "mlflow ui --backend-store-uri" in printed


def test_again_computes_nothing_and_prints_the_same(smoke: tuple[Path, str], command: Run) -> None:
    output, printed = smoke
    before = {path: path.stat().st_mtime_ns for path in output.glob("cells/*/*")}
    table = (output / "table-smoke.md").read_bytes(), (output / "table-smoke.csv").read_bytes()
    done = command("--all", "--profile", "smoke", output=output)
    assert done.returncode == 0
    assert done.stdout == printed
    assert done.stderr == ""
    assert before == {path: path.stat().st_mtime_ns for path in output.glob("cells/*/*")}
    assert table == ((output / "table-smoke.md").read_bytes(), (output / "table-smoke.csv").read_bytes())


def test_cells_of_another_environment_are_reused_and_named(smoke: tuple[Path, str], command: Run, tmp_path: Path) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(smoke[0], copied)
    path = next(copied.glob("cells/evaluate-bicubic-*/result.json"))
    result = read_result(path)
    versions = {**result.environment.versions, "torch": "1.0.0"}
    write_result(path, replace(result, environment=replace(result.environment, versions=versions)))
    text = path.read_text(encoding="utf-8")
    done = command("--methods", "bicubic", "--profile", "smoke")
    assert done.returncode == 0
    assert re.fullmatch(r"of another environment \(torch .* \(was: 1\.0\.0.*\)\): 1 reused result; --force .*\n", done.stderr)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.long
def test_the_same_seed_gives_the_same_bits(smoke: tuple[Path, str], command: Run, tmp_path: Path) -> None:
    done = command("--methods", "cincgan", "--profile", "smoke", "--set", WITHOUT_LPIPS)
    assert done.returncode == 0, done.stderr
    first, second = trainings(smoke[0]), trainings(tmp_path / "runs")
    for stage in ("edsr", "cincgan-inner", "cincgan-joint"):
        assert first[stage].weights_digest == second[stage].weights_digest
        assert first[stage].history == second[stage].history
    before, after = (evaluations(output)["cincgan"].scores for output in (smoke[0], tmp_path / "runs"))
    assert after["ntire2018"] == before["ntire2018"]
    assert after["rgb"]["psnr"] == before["rgb"]["psnr"]


VARIANTS = list(variants_of("cincgan"))


@pytest.mark.parametrize(
    ("what", "names", "inner_stages"),
    [
        (("--methods", "cincgan/no-inner-cycle", "cincgan/no-d1"), ["cincgan/no-inner-cycle", "cincgan/no-d1"], 1),
        pytest.param(("--ablation",), VARIANTS, 8, marks=pytest.mark.long),
    ],
)
def test_the_ablation_stands_beside_the_full_model(
    what: tuple[str, ...], names: list[str], inner_stages: int, smoke: tuple[Path, str], command: Run, tmp_path: Path
) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(smoke[0], copied)
    done = command(*what, "--profile", "smoke", "--json")
    assert done.returncode == 0, done.stderr
    everything, ablation = json.loads(done.stdout)["tables"]
    assert [row["method"] for row in everything["rows"]] == [name for name in method_order() if name in METHODS]
    full, *rows = ablation["rows"]
    assert (full["method"], full["psnr_gain"], ablation["reference"]) == ("cincgan", {}, "cincgan")
    assert [row["method"] for row in rows] == names
    scores = {row["method"]: {(s["protocol"], s["metric"]): s["mean"] for s in row["scores"]} for row in ablation["rows"]}
    for row in rows:
        assert {"psnr", "ssim", "lpips"} <= {metric for _, metric in scores[row["method"]]}
        gain = row["psnr_gain"]["ntire2018"]
        difference = scores[row["method"]]["ntire2018", "psnr"] - scores["cincgan"]["ntire2018", "psnr"]
        assert gain["mean"] == pytest.approx(difference)
        assert gain["low"] <= gain["mean"] <= gain["high"]
    assert len({json.dumps(row["scores"]) for row in ablation["rows"]}) == len(ablation["rows"]), "every variant is another model"
    assert names[-1] in (copied / "ablation-smoke.md").read_text(encoding="utf-8")
    assert "| bicubic " in (copied / "table-smoke.md").read_text(encoding="utf-8")
    trained = [line for line in done.stderr.splitlines() if "train cincgan-inner (" in line and "done in" in line]
    assert len(trained) == inner_stages, "stage 1 is shared where a variant does not change it"


def test_dry_run_counts_parameters_and_knows_the_full_size(command: Run) -> None:
    done = command("--all", "--profile", "paper", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    cells = {row["cell"].split(" on ")[0]: row for row in json.loads(done.stdout)["cells"]}
    assert cells["train edsr"]["parameters"] == 43_089_923
    assert cells["train cincgan-inner"]["parameters"] == 2 * 609_731 + 2_766_529
    joint = cells["train cincgan-joint"]
    assert joint["parameters"] == 2 * 609_731 + 667_075 + 2 * 2_766_529 + 43_089_923
    assert joint["steps"] == 400_000
    assert set(joint["needs"]) == {cells["train edsr"]["id"], cells["train cincgan-inner"]["id"]}
    assert all(row["seconds"] and row["megabytes"] for row in cells.values())
    text = command("--methods", "bicubic", "--profile", "paper", "--dry-run", CINCGAN_DATA="/nowhere").stdout
    assert text.splitlines()[-1].startswith("not prepared: div2k-track2: run python -m benchmarks.prepare div2k-track2")


def test_mlflow_holds_what_the_files_hold(smoke: tuple[Path, str]) -> None:
    output, _ = smoke
    client = MlflowClient(tracking_uri=f"sqlite:///{output / 'mlflow.db'}")
    (experiment,) = (found for found in client.search_experiments() if found.name == "cincgan-benchmark")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.data.tags["cell_id"]: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert len(parents) == 1
    assert len(children) == len(METHODS) + len(STAGES)
    assert {run.info.status for run in runs} == {"FINISHED"}
    for result in evaluations(output).values():
        child = children[result.cell.id]
        assert child.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        for protocol, metrics in result.summary.items():
            for metric, interval in metrics.items():
                assert child.data.metrics[f"{protocol}.{metric}"] == interval.mean
    joint = children[trainings(output)["cincgan-joint"].cell.id]
    assert len(client.get_metric_history(joint.info.run_id, "hr_cycle")) == 20
    assert joint.data.params["hr_losses.cycle"] == "10.0"
    scored = children[evaluations(output)["cincgan"].cell.id]
    assert len(client.list_artifacts(scored.info.run_id, "samples")) == 6


def test_the_trained_method_is_reachable_from_python(smoke: tuple[Path, str]) -> None:
    method = CinCGAN.from_run(smoke[0])
    lr = torch.rand(1, 3, 20, 24)
    assert method(lr).shape == (1, 3, 80, 96)
    assert method.g2(method.g1(lr)).shape == lr.shape
    assert method.g3(method.sr(lr)).shape == lr.shape
    assert method.d1(lr).shape[1] == method.d2(method.sr(lr)).shape[1] == 1


def test_a_figure_shows_a_sample_of_every_method(smoke: tuple[Path, str], tmp_path: Path) -> None:
    figure = tmp_path / "figure.png"
    line = [sys.executable, "-m", "reports.comparison", "--results", str(smoke[0]), "--profile", "smoke", "--figure", str(figure)]
    done = subprocess.run([*line, "--image", "coffee-104-108"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Image.open(figure) as drawn:
        assert drawn.width > 2 * drawn.height
    wrong = subprocess.run([*line, "--image", "coffee-104-180"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "unknown sample 'coffee-104-180': did you mean 'coffee-104-108'" in wrong.stderr


def test_swapped_weights_are_refused(smoke: tuple[Path, str], tmp_path: Path) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(smoke[0], copied)
    edsr, joint = (next(copied.glob(f"cells/train-{stage}-*/weights.safetensors")) for stage in ("edsr", "cincgan-joint"))
    shutil.copy(edsr, joint)
    with pytest.raises(UsageError, match=r"not the weights of result\.json"):
        CinCGAN.from_run(copied)
    with pytest.raises(UsageError, match="no finished cincgan with seed 7"):
        CinCGAN.from_run(copied, seed=7)


def test_a_failure_of_one_cell_is_one_line_and_the_others_go_on(command: Run, tmp_path: Path) -> None:
    """A patch smaller than D1 without padding can take: a failure that no check foresees."""
    changes = [
        WITHOUT_LPIPS,
        "stages.cincgan-inner.training.patch_size=8",
        "stages.cincgan-inner.discriminator.padding=0",
    ]
    settings = [word for change in changes for word in ("--set", change)]
    done = command("--methods", "cincgan", "bicubic", "--profile", "smoke", *settings, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 1 and "MLflow lacks" in done.stderr, "whose failures count for nothing"
    (line,) = (line for line in done.stderr.splitlines() if "failed unexpectedly" in line)
    assert "the traceback is in" in line
    assert "Traceback" in next((tmp_path / "runs").glob("cells/*/error.txt")).read_text(encoding="utf-8")
    assert "| bicubic " in (tmp_path / "runs" / "table-smoke.md").read_text(encoding="utf-8")


def test_a_stopped_run_goes_on_and_dry_run_says_what_is_left(smoke: tuple[Path, str], command: Run, tmp_path: Path) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(smoke[0], copied)
    lost = next(copied.glob("cells/evaluate-cincgan-*"))
    shutil.rmtree(lost)
    plan = json.loads(command("--all", "--profile", "smoke", "--dry-run", "--json").stdout)
    waiting = [row for row in plan["cells"] if not row["cached"]]
    assert [row["id"] for row in waiting] == [lost.name[-16:]]
    assert plan["seconds"] == waiting[0]["seconds"]
    done = command("--profile", "smoke", "--cell", lost.name[-16:-8], "--json")
    assert done.returncode == 0, done.stderr
    assert "[1/1] evaluate cincgan" in done.stderr
    rows = json.loads(done.stdout)["tables"][0]["rows"]
    assert [row["method"] for row in rows] == [name for name in method_order() if name in METHODS]
    assert evaluations(copied)["cincgan"].scores == evaluations(smoke[0])["cincgan"].scores


def test_a_corrupt_result_stops_the_run_before_anything_is_touched(smoke: tuple[Path, str], command: Run, tmp_path: Path) -> None:
    copied = tmp_path / "runs"
    shutil.copytree(smoke[0], copied)
    broken = next(copied.glob("cells/train-edsr-*/result.json"))
    broken.write_text("{")
    before = {path: path.read_bytes() for path in copied.glob("cells/*/*") if path.is_file()}
    done = command("--all", "--profile", "smoke")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{broken}: corrupt result file" in done.stderr
    assert before == {path: path.read_bytes() for path in copied.glob("cells/*/*") if path.is_file()}


def test_without_weights_lpips_is_missing_and_everything_else_is_there(command: Run, tmp_path: Path) -> None:
    nowhere = {"CINCGAN_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    line = ("--methods", "bicubic", "--profile", "smoke", "--set", "protocols=['rgb']", "--set", "shown=['rgb']")
    done = command(*line, **nowhere)
    assert done.returncode == 2
    assert "weights 'lpips-alex'" in done.stderr.splitlines()[-1]
    scores = evaluations(tmp_path / "runs")["bicubic"].scores
    assert set(scores["rgb"]) == {"psnr", "ssim"}
    assert "lpips: weights missing" in done.stdout
    mended = command(*line)
    assert mended.returncode == 0, mended.stderr
    assert set(evaluations(tmp_path / "runs")["bicubic"].scores["rgb"]) == {"psnr", "ssim", "lpips"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to run: give --all"),
        (("--all", "--methods", "edsr"), "--methods excludes --all"),
        (("--ablation", "--methods", "edsr"), "--methods excludes --all and --ablation"),
        (("--methods", "cincgan/no-d2"), "unknown variant 'cincgan/no-d2': did you mean 'cincgan/no-d1'"),
        (("--methods", "edrs"), "unknown method 'edrs': did you mean 'edsr'"),
        (("--all", "--datasets", "demo-fotos"), "unknown data set 'demo-fotos': did you mean 'demo-photos'"),
        (("--all", "--profile", "smoek"), "unknown profile 'smoek': did you mean 'smoke'"),
        (("--all", "--seeds", "zero"), "--seeds zero: seeds are whole numbers"),
        (("--all", "--seeds", "-1"), "--seeds -1: seeds are whole numbers"),
        (("--all", "--seeds", "9" * 5000), "seeds are whole numbers"),
        (("--all", "--seeds"), "expected at least one argument"),
        (("--all", "--set", "stages.edsr.blcoks=1"), "unknown key 'blcoks': did you mean 'blocks'"),
        (("--all", "--cell", "0123"), "no cell of this run"),
        (("--all", "--datasets", "div2k-track2"), "is not prepared (DIV2K_train_HR, DIV2K_valid_HR"),
        (("--all", "--datasets", "folder"), "give the folder that holds your images: --data-dir DIR"),
        (("--all", "--data-dir", "/nowhere"), "--data-dir /nowhere: no such folder"),
        (("--all", "--train-on", "demo-foto"), "unknown data set 'demo-foto': did you mean 'demo-photos'"),
        (("--all", "--train-on", "urban100"), "data set 'urban100' has no training images"),
        (("--al",), "unrecognized arguments"),
        (("--frobnicate",), "unrecognized arguments"),
    ],
)
def test_wrong_use_is_one_clear_line_and_exit_2(arguments: tuple[str, ...], message: str, command: Run, tmp_path: Path) -> None:
    done = command(*arguments, CINCGAN_DATA="/nowhere")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not list(tmp_path.glob("runs/cells/*"))


def test_an_unwritable_output_is_one_clear_line(command: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("--all", "--profile", "smoke", output=tmp_path / "file" / "runs")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is a file: name another folder" in done.stderr


def test_help_lists_examples_and_light_commands_import_nothing_heavy() -> None:
    code = (
        "import sys; from benchmarks.run import main; from benchmarks.planning.plan import make_plan\n"
        "from benchmarks.catalog.profiles import load_profile\n"
        "assert main(['--list']) == 0; make_plan(load_profile('demo'))\n"
        "heavy = 'torch mlflow pandas matplotlib pyiqa basicsr skimage sklearn scipy'.split()\n"
        "assert not set(heavy) & set(sys.modules), set(heavy) & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run([sys.executable, "-m", "benchmarks.run", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert "python -m benchmarks.run --all --profile smoke" in shown.stdout


def test_force_computes_again_and_comes_to_the_same(smoke: tuple[Path, str], command: Run, tmp_path: Path) -> None:
    line = ("--methods", "bicubic", "--profile", "smoke")
    copied = next(smoke[0].glob("cells/evaluate-bicubic-*"))
    shutil.copytree(copied, tmp_path / "runs" / "cells" / copied.name)
    first = evaluations(tmp_path / "runs")["bicubic"]
    next((tmp_path / "runs").glob("cells/*/result.json")).write_text("{")
    done = command(*line, "--force")
    assert "[1/1] evaluate bicubic" in done.stderr
    second = evaluations(tmp_path / "runs")["bicubic"]
    assert second.scores == first.scores
    assert second.seconds != first.seconds


@pytest.mark.long
def test_the_first_row_of_the_papers_data_says_which_protocol_is_the_papers(command: Run, tmp_path: Path) -> None:
    """On stand-ins for DIV2K: every image is one of two files."""
    lr, hr = (tmp_path / name for name in ("lr.png", "hr.png"))
    pixels = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    Image.fromarray(pixels).save(lr)
    Image.fromarray(pixels.repeat(4, 0).repeat(4, 1)).save(hr)
    card = load_dataset_card("div2k-track2")
    assert isinstance(card, ImageFolders)
    for files in card.file_sets:
        folder = tmp_path / "data" / files.archive
        folder.mkdir(parents=True, exist_ok=True)
        for name in files.names:
            if not (folder / name).exists():
                (folder / name).symlink_to(lr if "_LR_" in files.archive else hr)
    own = {"CINCGAN_DATA": str(tmp_path / "data"), "CINCGAN_CACHE": str(tmp_path / "cache")}
    prepare = [sys.executable, "-m", "benchmarks.prepare", "div2k-track2"]
    prepared = subprocess.run(prepare, cwd=ROOT, env=os.environ | own, capture_output=True, text=True)
    assert prepared.returncode == 0, prepared.stderr
    line = ("--methods", "bicubic", "--profile", "paper", "--set", WITHOUT_LPIPS, "--set", "protocols=['rgb', 'ntire2018']")
    done = command(*line, **own)
    assert done.returncode == 0, done.stderr
    result = evaluations(tmp_path / "runs")["bicubic"]
    psnr = {name: metrics["psnr"].mean for name, metrics in result.summary.items()}
    nearest = min(psnr, key=lambda name: abs(psnr[name] - 22.85))
    expected = f"here rgb {psnr['rgb']:.2f}"
    for text in (done.stdout, done.stderr, (tmp_path / "runs" / "table-paper.md").read_text(encoding="utf-8")):
        assert "table 1, column bicubic reports 22.85 dB / 0.65" in text
        assert expected in text and nearest in text.split("reports 22.85")[1]
