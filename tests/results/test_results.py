"""Result files: files of every schema stay readable, newer ones are refused, and the published JSON schema is the present one."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_text
from benchmarks.results.files import SCHEMA, UPGRADES, json_schema, read_result, to_json, to_result, with_digest, write_result
from benchmarks.results.record import COMPLETE, DIVERGED, EvaluationResult, TrainingResult
from reports.build import build
from reports.studies import load_evidence
from tests.conftest import ROOT

OLD = Path(__file__).parent / "old_results"  # as versions of this project wrote them
FILES = sorted(OLD.glob("schema-*.json"))
PRESENT = [path for path in FILES if path.stem.startswith(f"schema-{SCHEMA}-")]


def stored(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_there_is_a_file_of_every_schema_and_a_way_up_from_each() -> None:
    assert {int(path.name.split("-")[1]) for path in FILES} == set(range(1, SCHEMA + 1))
    assert set(UPGRADES) == set(range(1, SCHEMA))
    assert {path.stem.split("-")[2] for path in PRESENT} == {"evaluate", "train", "diverged"}


def in_present_schema(content: dict[str, Any]) -> dict[str, Any]:
    """The content of an old file field by field, written down here a second time."""
    upgraded = {**content, "schema": SCHEMA, "status": content.get("status", COMPLETE)}
    settings = content["settings"]
    if content["cell"]["kind"] == "train" and content["schema"] < 3:
        own = {"threads": settings["threads"], **({"weights": settings["weights"]} if "weights" in settings else {})}
        upgraded["settings"] = {"stage": {k: v for k, v in settings.items() if k not in ("threads", "weights")}, **own}
    if content["cell"]["kind"] == "evaluate" and content["schema"] < 4:
        upgraded["exploratory"] = "of a version without frozen profiles"
    return upgraded


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_any_schema_is_read_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copy(path, tmp_path))
    result = read_result(copied)
    assert copied.read_bytes() == path.read_bytes()
    assert (result.schema, result.status) == (SCHEMA, DIVERGED if "diverged" in path.stem else COMPLETE)
    plain, expected = json.loads(to_json(asdict(result))), in_present_schema(stored(path))
    assert_contains(plain, expected)


def assert_contains(plain: Any, expected: Any, where: str = "") -> None:
    """Every field and value of the file is in the record. Fields that the file lacks have a record's empty value."""
    if not isinstance(expected, dict):
        assert plain == expected, where
        return
    for key, value in expected.items():
        assert_contains(plain[key], value, f"{where}.{key}")
    unknown = {key: value for key, value in plain.items() if key not in expected}
    assert all(value in ("", None, 0, 1, [], {}, "test") for value in unknown.values()), (where, unknown)


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.stem)
def test_a_file_of_this_version_is_written_as_it_was_read(path: Path, tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", read_result(path))
    content = stored(path)
    content["git"].setdefault("unknown", "")  # younger fields than these files
    content["data"].setdefault("origin", {})
    content.setdefault("needed_weights", {})
    if content["cell"]["kind"] == "evaluate":
        content["settings"].setdefault("inference", {})
    assert stored(tmp_path / "result.json") == with_digest(content)


def written(tmp_path: Path, name: str = "schema-4-evaluate") -> tuple[Path, dict[str, Any]]:
    """A result file of this version, and its content."""
    path = tmp_path / "result.json"
    write_result(path, read_result(OLD / f"{name}.json"))
    return path, stored(path)


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a score": ("schema-4-evaluate", lambda content: content["scores"]["rgb"]["psnr"].update({"coffee-8-12": 31.0})),
    "the cell's id": ("schema-4-evaluate", lambda content: content["cell"].update(id="0" * 16)),
    "a field that is unknown here": ("schema-4-evaluate", lambda content: content.update(remark="mine")),
    "a lost field": ("schema-4-evaluate", lambda content: content.pop("exploratory")),
    "the weights": ("schema-4-train", lambda content: content.update(weights_digest="0" * 64)),
    "the digest": ("schema-4-train", lambda content: content.update(content_digest="0" * 64)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_file_that_was_changed_by_hand_is_refused(what: str, tmp_path: Path) -> None:
    name, change = CHANGES[what]
    path, content = written(tmp_path, name)
    assert read_result(path) == read_result(OLD / f"{name}.json")
    change(content)
    write_text(path, json.dumps(content))
    with pytest.raises(UsageError, match=r"corrupt result file \(its fields are not those of its content_digest: it was changed"):
        read_result(path)


def test_what_changes_no_number_changes_no_digest(tmp_path: Path) -> None:
    """White space, order of fields, and the names of machine and folders, which an author may empty before publishing."""
    path, content = written(tmp_path)
    content["environment"]["host"] = content["data"]["directory"] = ""
    write_text(path, json.dumps(dict(reversed(content.items()))))
    assert read_result(path).content_digest == content["content_digest"]


def test_old_files_have_no_digest(tmp_path: Path) -> None:
    path, content = written(tmp_path)
    del content["content_digest"]
    write_text(path, json.dumps(content))
    assert [read_result(file).content_digest for file in (path, *FILES)] == [""] * (1 + len(FILES))


def test_schema_1_had_complete_cells_only() -> None:
    assert UPGRADES[1]({"schema": 1, "cell": {}}) == {"schema": 2, "status": COMPLETE, "cell": {}}


def test_schema_2_had_the_settings_of_a_stage_beside_threads_and_weights() -> None:
    settings = {"training": {"steps": 3}, "channels": 16, "threads": 2, "weights": {"vgg": "d"}}
    upgraded = UPGRADES[2]({"schema": 2, "cell": {"kind": "train"}, "settings": settings, "data": {}})
    stage = {"training": {"steps": 3}, "channels": 16}
    assert upgraded["settings"] == {"stage": stage, "threads": 2, "weights": {"vgg": "d"}}
    evaluation = {"schema": 2, "cell": {"kind": "evaluate"}, "settings": {"protocols": {"rgb": 1}, "threads": 2}, "data": {}}
    assert UPGRADES[2](evaluation) == {**evaluation, "schema": 3}


def test_schema_2_had_parameters_of_another_degradation_beside_bicubic() -> None:
    data = {"degradation": "bicubic", "parameters": {"noise_gaussian": 14.0}, "scale": 4}
    assert UPGRADES[2]({"schema": 2, "data": data})["data"] == {**data, "parameters": {}}
    other = {"degradation": "track2-like", "parameters": {"noise_gaussian": 14.0}}
    assert UPGRADES[2]({"schema": 2, "data": other})["data"] == other


@pytest.mark.parametrize("schema", [1, 2, 3])
@pytest.mark.parametrize("part", ["cell", "settings", "data"])
@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_upgrades_leave_wrong_types_for_the_reader_to_refuse(schema: int, part: str, value: object, tmp_path: Path) -> None:
    write_text(tmp_path / "result.json", to_json({**stored(OLD / "schema-1-train.json"), "schema": schema, part: value}))
    with pytest.raises(UsageError, match="corrupt result file"):
        read_result(tmp_path / "result.json")


def test_numbers_of_parameters_keep_their_type() -> None:
    """Degradations are made from recorded parameters, strictly: a seed is whole."""
    parameters = read_result(OLD / "schema-4-evaluate.json").data.parameters
    assert parameters is not None
    assert type(parameters["seed"]) is int and type(parameters["blur_sigma_min"]) is float


@pytest.mark.parametrize("name", ["schema-1-evaluate", "schema-4-evaluate"])
def test_the_report_is_built_from_results_of_any_schema(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "cells" / "evaluate-bicubic"
    folder.mkdir(parents=True)
    shutil.copy(OLD / f"{name}.json", folder / "result.json")
    (line,) = build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    assert line == "smoke-demo-photos: no paper is about its methods", "bicubic alone is in every paper"
    psnr = stored(OLD / f"{name}.json")["summary"]["rgb"]["psnr"]["mean"]
    assert f"{psnr:.2f}" in (tmp_path / "report" / "tables" / "smoke-demo-photos-methods.md").read_text(encoding="utf-8")


def evaluated(**changes: Any) -> dict[str, Any]:
    return {**stored(OLD / "schema-1-evaluate.json"), **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": SCHEMA + 1}, f"schema {SCHEMA + 1}, this version reads 1 to {SCHEMA}: use the version that wrote it"),
        ({"schema": 0}, "schema 0, this version reads"),
        ({"schema": "2"}, "schema '2', this version reads"),
        ({"schema": [1]}, r"schema \[1\], this version reads"),
        ({"schema": None}, r"corrupt result file \(no status"),
        ({"schema": SCHEMA, "status": "half"}, r"corrupt result file \(status is 'half': 'complete' or 'diverged' is needed\)"),
        ({"schema": SCHEMA, "status": DIVERGED}, "a diverged cell has a diagnosis and no scores"),
        ({"schema": SCHEMA, "status": COMPLETE, "diagnosis": "step 3: it fell"}, "a complete cell has no diagnosis"),
        ({"schema": SCHEMA}, r"corrupt result file \(no status\)"),
    ],
)
def test_a_file_that_no_version_wrote_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_text(tmp_path / "result.json", to_json(evaluated(**changes)))
    with pytest.raises(UsageError, match=message):
        read_result(tmp_path / "result.json")


def with_infinity() -> EvaluationResult:
    result = read_result(OLD / "schema-4-evaluate.json")
    assert isinstance(result, EvaluationResult)
    scores = {"rgb": {"psnr": {"a": math.inf, "b": 20.0}}}
    interval = replace(next(iter(result.summary["rgb"].values())), mean=math.inf, high=math.inf)
    return replace(result, scores=scores, summary={"rgb": {"psnr": interval}}, shifts={}, groups={})


def test_groups_are_of_the_scored_images() -> None:
    plain = stored(OLD / f"schema-{SCHEMA}-evaluate.json")
    assert set(plain["groups"].values()) == {"coffee", "chelsea", "rocket", "ihc", "motorcycle"}
    plain["groups"]["another"] = "coffee"
    with pytest.raises(ValueError, match="groups of other images than the scored ones"):
        to_result(plain)


def test_infinite_scores_are_texts_in_files_and_numbers_in_records(tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", with_infinity())
    assert stored(tmp_path / "result.json")["scores"] == {"rgb": {"psnr": {"a": "inf", "b": 20.0}}}
    assert read_result(tmp_path / "result.json") == with_infinity()


def test_the_published_schema_is_the_present_one() -> None:
    """To write it anew: python -c 'from benchmarks.results.files import *; print(to_json(json_schema()))' > the file."""
    published = (ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json.loads(to_json(json_schema()))  # the order of keys is msgspec's


def violations(content: Any) -> list[str]:
    """Violations of the published schema by a result file; without ``jsonschema`` only its top-level fields are checked."""
    schema = stored(ROOT / "docs" / "result.schema.json")
    if find_spec("jsonschema"):
        from jsonschema import Draft202012Validator

        Draft202012Validator.check_schema(schema)
        return [error.message for error in Draft202012Validator(schema).iter_errors(content)]
    name = {"train": "TrainingResult", "evaluate": "EvaluationResult"}[content["cell"]["kind"]]
    known, required = schema["$defs"][name]["properties"], schema["$defs"][name]["required"]
    lacking = [f"{key} is missing" for key in required if key not in content]
    wrong = [f"{key} is unknown" for key in content if key not in known]
    return lacking + wrong + ([] if content["schema"] in known["schema"]["enum"] else ["schema"])


def test_result_files_of_this_version_suit_the_published_schema() -> None:
    for path in PRESENT:
        assert violations(stored(path)) == []
    assert violations(json.loads(to_json(asdict(with_infinity())))) == []
    content = stored(OLD / "schema-4-evaluate.json")
    assert violations({**content, "schema": SCHEMA + 1}) and violations({k: v for k, v in content.items() if k != "scores"})


def test_records_are_of_the_kind_that_their_cell_says() -> None:
    assert isinstance(read_result(OLD / "schema-4-train.json"), TrainingResult)
    content = stored(OLD / "schema-4-train.json")
    for kind in (None, 3, ["train"], "test"):
        with pytest.raises(ValueError, match=r"cell\.kind is .*, neither of train, evaluate"):
            to_result({**content, "cell": {**content["cell"], "kind": kind}})
