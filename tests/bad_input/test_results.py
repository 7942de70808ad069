"""Result files, notes of the mirror and reference scores that somebody else wrote, or that a disk has spoiled."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from tests.fuzz.documents import RESULTS, evaluation
from tests.fuzz.mutation import places
from tests.helpers.doors import Refused, refused  # noqa: F401 - a fixture

SOUND = json.dumps(RESULTS[0])
DEEP = 100_000  # Python 3.13 reads 5,000 levels

TEXTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "corrupt result file"),
    "truncated": (SOUND[: len(SOUND) // 2], "corrupt result file"),
    "no object": ("[1]", "no schema"),
    "a number": ("1", "no schema"),
    "no utf-8": (SOUND.encode()[:-1] + b'"\xff"}', "corrupt result file"),
    "nul": ("\x00", "corrupt result file"),
    "nan": (SOUND.replace("21.0", "NaN", 1), "NaN is no JSON"),
    "infinity": (SOUND.replace("21.0", "Infinity", 1), "Infinity is no JSON"),
    "out of range": (SOUND.replace("21.0", "1e999", 1), "out of range"),
    "too many digits": (SOUND.replace("21.0", "9" * 5000, 1), "corrupt result file"),
    "twice": (SOUND[:-1] + ', "schema": 1}', "the key 'schema' is repeated"),
    "twice inside": (SOUND.replace('"dirty": false', '"dirty": false, "dirty": true'), "the key 'dirty' is repeated"),
    "deep": ("[" * 200_000, "corrupt result file"),
    "deep inside": (SOUND[:-1] + ', "x": ' + "[" * DEEP + "]" * DEEP + "}", "corrupt result file"),
    "newer": (SOUND.replace('"schema": 1', '"schema": 99'), "schema 99, this version reads"),
    "no schema number": (SOUND.replace('"schema": 1', '"schema": "x\\n\\u001b"'), "this version reads"),
}
WRONG: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("cell",): (None, [], "x", {}),
    ("cell", "id"): (None, 1, "", "a\nb", "x" * 300),
    ("cell", "kind"): (None, "x", 1),
    ("cell", "label"): (None, 1, [], "\x1b[2J"),
    ("cell", "dataset"): (None, 1, {}),
    ("cell", "seed"): ("0", -1, 2**31, [], True),
    ("cell", "needs"): (None, [], "x", {"a": 1}),
    ("settings",): (None, [], "x", {}),
    ("settings", "protocols"): (None, [], {}, {"rgb": "1"}),
    ("settings", "metrics"): ([], {"psnr": 1}),
    ("data",): (None, [], {}),
    ("data", "digest"): (None, 1, []),
    ("data", "scale"): (None, 0, -4, "4", 10**400, 1e300),
    ("data", "parameters"): ([], {"seed": ["x"]}, {"seed": {}}, {"seed": None}, {"x" * 300: 1}),
    ("data", "directory"): (1, []),
    ("seconds",): (None, "x", -1, [], 10**400),
    ("finished_at",): (None, 1, []),
    ("environment",): (None, [], "x"),
    ("environment", "versions"): ([], {"numpy": 1}),
    ("git",): (None, [], "x"),
    ("git", "commit"): (1, []),
    ("git", "dirty"): ("no", 1),
    ("profile",): (1, "", "a\tb", "x" * 300),
    ("changes",): ("x", [1], {}),
    ("scores",): (None, [], {"rgb": []}, {"rgb": {"psnr": []}}, {"rgb": {"psnr": {}}}, {"rgb": {"psnr": {"a": "x"}}}),
    ("scores", "rgb", "psnr"): ({"other": 1.0}, {"coffee-104-108": None}, {"coffee-104-108": True}),
    ("missing",): ([], {"lpips": 1}),
    ("summary",): ([], {"rgb": 1}),
    ("shifts",): ([], {"rgb": {"a": [1]}}),
    ("history",): ("x", [1], [{}], [{"step": "inf"}], [{"step": -1}]),
    ("weights_digest",): (1, []),
}
OF_TRAININGS = {("history",), ("weights_digest",)}
CASES = [(path, value) for path, values in WRONG.items() for value in values]


def write(root: Path, *documents: Any) -> Path:
    for place, document in enumerate(documents):
        folder = root / "cells" / f"evaluate-{place}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text(json.dumps(document))
    return root


def changed(path: tuple[str, ...], value: Any) -> Any:
    document = copy.deepcopy(RESULTS[-1] if path in OF_TRAININGS else RESULTS[0])
    *before, last = path
    section = document
    for key in before:
        section = section[key]
    section[last] = value
    return document


@pytest.mark.parametrize("kind", TEXTS)
def test_texts(kind: str, tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    text, message = TEXTS[kind]
    path = write(tmp_path / "run", RESULTS[0]) / "cells" / "evaluate-0" / "result.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert str(path.name) in refused("build", "--results", "run", message=message)


def test_the_command_that_computes_a_broken_cell_again(tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    folder = write(tmp_path / "run", RESULTS[0]) / "cells" / "evaluate-0"
    (folder / "result.json").write_text(SOUND[:99], encoding="utf-8")
    folder.rename(folder.with_name(f"evaluate-bicubic-folder-{16 * 'a'}"))
    refused("build", "--results", "run", message=f"the run's command with --cell {16 * 'a'} --force does")


@pytest.mark.parametrize(("path", "value"), CASES, ids=lambda value: ascii(value)[:40])
def test_a_wrong_value_in_any_field(path: tuple[str, ...], value: Any, tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    write(tmp_path / "run", changed(path, value))
    refused("build", "--results", "run", message="evaluate-0/result.json: corrupt result file")


@pytest.mark.parametrize(
    "field", ["schema", "cell", "settings", "data", "seconds", "finished_at", "environment", "git", "scores"]
)
def test_a_missing_field(field: str, tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    document = {key: value for key, value in RESULTS[0].items() if key != field}
    write(tmp_path / "run", document)
    assert field in refused("build", "--results", "run", message="corrupt result file")


def test_the_table_of_wrong_values_has_every_field_that_anything_reads() -> None:
    known = {path[:2] for path in WRONG} | {path[:1] for path in WRONG}
    texts = {("schema",), ("cell", "code"), ("settings", "tile"), ("settings", "threads"), ("data", "dataset")}
    texts |= {("data", "degradation"), ("data", "trained_on"), ("precision",), ("training_seconds",)}
    texts |= {("environment", name) for name in ("python", "platform", "processor", "host")}
    present = {place[:2] for place in places(RESULTS[0]) if place[0] in ("cell", "settings", "data", "environment", "git")}
    present |= {(key,) for document in RESULTS for key in document}
    assert present - known - texts == set()


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "folder", "device"]
)
def test_entries_that_are_no_regular_file(make: Callable[[Path], object], tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    path = write(tmp_path / "run", RESULTS[0]) / "cells" / "evaluate-0" / "result.json"
    path.unlink()
    make(path)
    refused("build", "--results", "run", message="no regular file")


def test_a_file_of_gigabytes(tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("benchmarks.results.files.LARGEST", 100)
    write(tmp_path / "run", RESULTS[0])
    refused("build", "--results", "run", message="larger than 100 bytes")


def test_scores_of_other_images_under_the_same_digest(tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    other = changed(("scores",), {"rgb": {"psnr": {"somebody-elses": 99.0}}})
    other["cell"] |= {"label": "edsr", "id": "other", "seed": 0, "needs": {"edsr": "x"}}
    write(tmp_path / "run", RESULTS[0], other)
    refused("build", "--results", "run", message="scores of other images")


def test_only_methods_that_are_not_known_here(tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    write(tmp_path / "run", evaluation("../../x", 20.0, {}), evaluation("constructor", 20.0, {}))
    refused("build", "--results", "run", message="no finished evaluation")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"run_id": []}', '{"run_id": "<b>"}', "[" * 200_000, '{"run_id": "a b"}'])
def test_a_broken_note_of_the_mirror_is_no_mirror(text: str, tmp_path: Path) -> None:
    from reports.studies import load_evidence

    write(tmp_path, RESULTS[0])
    (tmp_path / "cells" / "evaluate-0" / "mlflow.json").write_text(text)
    (evidence,) = load_evidence(tmp_path)
    assert evidence.mlflow == ""


REFERENCES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "cannot be read"),
    "truncated": ('{"schema": 1, "profile"', "cannot be read"),
    "a list": ("[]", "not a JSON object"),
    "nan": ('{"schema": NaN}', "NaN is no JSON"),
    "twice": ('{"schema": 1, "schema": 1}', "the key 'schema' is repeated"),
    "out of range": ('{"schema": 1e999}', "out of range"),
    "deep": ("[" * 200_000, "cannot be read"),
    "no utf-8": (b"\xff", "cannot be read"),
    "newer": ('{"schema": 9}', "schema 9, this version reads"),
    "nothing in it": ('{"schema": 1}', "are missing: add them"),
    "unknown key": ('{"schema": 1, "profil": "smoke"}', "did you mean 'profile'"),
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_reference_scores(kind: str, tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    text, message = REFERENCES[kind]
    (tmp_path / "run" / "cells").mkdir(parents=True)
    (tmp_path / "reference.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused("check", "--results", "run", "--reference", "reference.json", message=message)


def test_one_corrupt_result_among_others_is_left_out_and_named(tmp_path: Path) -> None:
    from reports.studies import load_evidence

    root = write(tmp_path / "run", RESULTS[0], evaluation("nearest", 20.0, {}))
    broken = root / "cells" / "evaluate-1" / "result.json"
    broken.write_text("{")
    lines: list[str] = []
    (cell,) = load_evidence(root, (), lines.append)
    (line,) = lines
    assert cell.label == "bicubic" and line.startswith(f"{broken}: corrupt result file (") and "left out" in line
    with pytest.warns(UserWarning, match="corrupt result file"):
        assert set(results(root).method) == {"bicubic"}
    assert broken.read_text() == "{"
