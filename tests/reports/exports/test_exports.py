"""``benchmarks.export``: every format against its own validator, where one can be installed; names of others are only text."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.core.text import plain_text
from benchmarks.data.cards import dataset_names, load_dataset_card
from benchmarks.export import main
from benchmarks.results.files import read_result
from benchmarks.results.layout import result_files
from reports.exports.croissant import to_croissant
from tests.helpers.report_results import HOSTILE, make_results
from tests.helpers.submissions import write_submission

FORMULA = "=HYPERLINK(\"http://evil\") | {{x}} 'quoted' : - #"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run with weights and with hostile texts, and a submission with a hostile card."""
    folder = tmp_path_factory.mktemp("roots")
    run = make_results(folder / "run", images=("coffee-104-108", HOSTILE), exploratory=f"{HOSTILE} [x](javascript:y)")
    for path in run.glob("cells/train-*"):
        (path / "weights.safetensors").write_bytes(path.name.encode())
    return [run, write_submission(folder / "sub", "theirs", 25.0, {"title": FORMULA, "family": HOSTILE}, data=_data(run))]


def _data(run: Path) -> dict[str, Any]:
    (path,) = run.glob("cells/evaluate-bicubic-*/result.json")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["data"]
    return {**data, "digest": "1" * 64, "dataset": "demo-photos", "directory": "/elsewhere"}


@pytest.fixture(scope="module")
def exported(roots: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("export")
    assert main([*(word for root in roots for word in ("--results", str(root))), "--output", str(output)]) == 0
    return output


def front_matter(path: Path) -> tuple[dict[str, Any], str]:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_rows_have_every_measured_number(exported: Path, roots: list[Path]) -> None:
    rows = list(csv.DictReader((exported / "results.csv").open(encoding="utf-8")))
    found = {(row["model"], row["protocol"], row["metric"]): row for row in rows}
    for path in result_files(roots[0], "evaluate"):
        result = read_result(path)
        scores = result.scores["rgb"]["psnr"]  # type: ignore[union-attr]
        row = found[result.cell.label, "rgb", "psnr"]
        assert float(row["value"]) == pytest.approx(sum(scores.values()) / len(scores))
        assert float(row["low"]) < float(row["value"]) < float(row["high"])
        assert row["cells"] == result.cell.id
    about = found["theirs", "rgb", "psnr"]["about"]
    assert about.startswith("'=") and plain_text(about) == FORMULA


def test_model_cards_stand_beside_their_weights(exported: Path, roots: list[Path]) -> None:
    cards = {path.parent.name.partition("-seed")[0]: path for path in exported.glob("models/*/README.md")}
    assert set(cards) == {"edsr", "edsr-paired", "cincgan", "cincgan-no-d1"}
    place = cards["cincgan"].parent
    assert {path.name for path in (place / "stages").iterdir()} == {"edsr", "cincgan-inner", "cincgan-joint"}
    for stage in (place / "stages").iterdir():
        assert stage.joinpath("weights.safetensors").read_bytes().startswith(f"train-{stage.name}-".encode())
        assert read_result(stage / "result.json").cell.label == stage.name
    metadata, body = front_matter(cards["cincgan"])
    assert metadata["tags"][-1] == "unpaired-direct"
    assert r"\<img src=x" in body and not re.search(r"(?<!\\)(<img|\]\(javascript)", body)
    repo = pytest.importorskip("huggingface_hub.repocard_data")
    name, results = repo.model_index_to_eval_results(metadata["model-index"])
    assert name == place.name
    assert {(entry.dataset_config, entry.metric_type) for entry in results} == {
        (protocol, metric) for protocol in ("rgb-v1", "ntire2018-v1") for metric in ("psnr", "ssim", "lpips")
    }
    (path,) = roots[0].glob("cells/evaluate-cincgan-demo*/result.json")
    scores = read_result(path).scores["rgb"]["psnr"]  # type: ignore[union-attr]
    (psnr,) = [entry.metric_value for entry in results if (entry.dataset_config, entry.metric_type) == ("rgb-v1", "psnr")]
    assert psnr == pytest.approx(sum(scores.values()) / len(scores))


def test_evaluation_results_are_read_by_the_hubs_library(exported: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    if not hasattr(hub, "parse_eval_result_entries"):
        pytest.skip("this huggingface_hub knows no .eval_results: pip install -U huggingface_hub")
    for path in exported.glob("models/*/.eval_results/*.yaml"):
        entries = hub.parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert {entry.dataset_id for entry in entries} == {"cincgan-benchmark/demo-photos"}
        assert {entry.task_id for entry in entries} >= {"rgb-psnr", "ntire2018-ssim"}
        assert all(isinstance(entry.value, float) and "95 % interval" in entry.notes for entry in entries)


def test_every_card_has_croissant_metadata(tmp_path: Path) -> None:
    texts = {name: to_croissant(load_dataset_card(name)) for name in dataset_names()}
    assert texts.pop("folder") is None
    for name, text in texts.items():
        assert text is not None
        metadata = json.loads(text)
        assert (metadata["name"], metadata["license"]) == (name, load_dataset_card(name).licence)
        ids = [entry["@id"] for entry in (*metadata["distribution"], *metadata["recordSet"])]
        assert len(set(ids)) == len(ids)
        assert metadata["isLiveDataset"] or all("sha256" in entry for entry in metadata["distribution"] if "contentUrl" in entry)


@pytest.mark.parametrize("name", ["demo-photos", "set5", "div2k-track2", "kodak24", "lsdir", "realsrset"])
def test_croissant_metadata_pass_mlcommons_validator(name: str, tmp_path: Path) -> None:
    croissant = pytest.importorskip("mlcroissant", reason="no validator here: pip install -e '.[validators]'")
    path = tmp_path / "card.json"
    path.write_text(to_croissant(load_dataset_card(name)) or "", encoding="utf-8")
    assert not croissant.Dataset(jsonld=path).metadata.issues.errors


def test_the_crate_names_every_file_and_refers_to_nothing_else(exported: Path) -> None:
    crate = json.loads((exported / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    files = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert {name for name, entity in entities.items() if entity["@type"] == "File"} == files - {
        "ro-crate-metadata.json",
        ".files.json",
    }
    outside = ("https://w3id.org/", "https://spdx.org/", "http://schema.org/")
    assert {ref for ref in references(crate["@graph"]) if not ref.startswith(outside)} <= entities.keys()
    actions = [entity for entity in entities.values() if entity["@type"] == "CreateAction"]
    joint = next(action for action in actions if action["name"].startswith("train cincgan-joint"))
    assert joint["result"]["@id"].startswith("results/train-cincgan-joint")
    cincgan = next(action for action in actions if action["name"] == "evaluate cincgan on demo-photos, seed 0")
    assert len(cincgan["object"]) == 3


def references(value: Any) -> set[str]:
    """Targets of all references ``{"@id": ...}``."""
    if isinstance(value, list):
        return {ref for item in value for ref in references(item)}
    if not isinstance(value, dict):
        return set()
    return {value["@id"]} if value.keys() == {"@id"} else {ref for item in value.values() for ref in references(item)}


@pytest.mark.network
def test_the_crate_passes_the_ro_crate_validator(exported: Path) -> None:
    services = pytest.importorskip("rocrate_validator.services", reason="no validator here: pip install -e '.[validators]'")
    settings = services.ValidationSettings(
        rocrate_uri=str(exported), profile_identifier="ro-crate-1.1", skip_availability_check=True
    )
    try:
        issues = [str(issue.message) for issue in services.validate(settings).get_issues()]
    except Exception as error:
        if "URLError" not in str(error):
            raise
        pytest.skip(f"the context at w3id.org is not reached: {error}")
    assert issues == []


def test_the_same_results_give_the_same_bytes_and_old_files_go(exported: Path, roots: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "again"
    assert main(["--results", str(roots[0]), "--output", str(output)]) == 0
    (output / "models" / "mine.txt").write_text("mine", encoding="utf-8")
    line = [word for root in roots for word in ("--results", str(root))]
    assert main([*line, "--output", str(output)]) == 0
    digests = [digests_of(root) for root in (exported, output)]
    assert digests[1].pop("models/mine.txt")
    assert digests[0] == digests[1]


def digests_of(root: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by path."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
