"""Broken cards, variants, papers and profiles; outputs that cannot be written; odd environments."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

from benchmarks import evaluate
from benchmarks.catalog import methods, plugins, profiles, studies
from benchmarks.core.errors import UsageError, missing_prerequisite, one_line
from benchmarks.data import cards
from benchmarks.data.acquisition import weights
from reports import paper
from tests.conftest import ROOT
from tests.helpers.doors import Refused, check_line, process, refused, snapshot  # noqa: F401 - a fixture

BROKEN: dict[str, tuple[str | bytes | None, str]] = {
    "empty": ("", "missing|unknown kind|give a name or a list of names"),
    "no TOML": ("= 1", "not valid TOML"),
    "no utf-8": (b"\xff\xfe", "not valid TOML"),
    "nul": ("\x00", "not valid TOML"),
    "a key twice": ("a = 1\na = 2", "not valid TOML"),
    "deep": (f"a = {'[' * 5000}{']' * 5000}", "nested too deeply"),
    "too many digits": (f"a = {'9' * 5000}", "not valid TOML"),
    "a bad date": ("a = 2024-13-45", "not valid TOML"),
    "unknown key": ("nonsense = 1\n{}", "unknown key 'nonsense'"),
    "a folder": (None, "cannot be read"),
}


@dataclass(frozen=True)
class Place:
    """A copy of a TOML file of the project, and the function that reads it."""

    path: Path
    read: Callable[[], object]


@pytest.fixture(name="place", params=["data set", "weights", "paper", "variants", "study", "profile", "settings of a method"])
def copied_file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    shutil.copytree(ROOT / "datasets", tmp_path / "datasets")
    shutil.copytree(ROOT / "reports" / "papers", tmp_path / "papers")
    shutil.copytree(profiles.FOLDER, tmp_path / "profiles")
    shutil.copytree(ROOT / "cincgan", tmp_path / "cincgan")
    monkeypatch.setattr(cards, "CARDS", tmp_path / "datasets")
    monkeypatch.setattr(weights, "CARDS", tmp_path / "datasets")
    monkeypatch.setattr(paper, "FOLDER", tmp_path / "papers")
    monkeypatch.setattr(profiles, "FOLDER", tmp_path / "profiles")
    monkeypatch.setattr(plugins, "files", lambda package: tmp_path / "cincgan" if package == "cincgan" else files(package))
    places = {
        "data set": Place(tmp_path / "datasets" / "demo-photos.toml", lambda: cards.load_dataset_card("demo-photos")),
        "weights": Place(tmp_path / "datasets" / "weights" / "vgg19.toml", lambda: weights.load_weight_card("vgg19")),
        "paper": Place(tmp_path / "papers" / "cincgan.toml", paper.load_papers),
        "variants": Place(tmp_path / "cincgan" / "ablation.toml", lambda: methods.variants_of("cincgan")),
        "study": Place(tmp_path / "cincgan" / "joint_study.toml", lambda: studies.load_study("cincgan")),
        "profile": Place(tmp_path / "profiles" / "smoke.toml", lambda: profiles.load_profile("smoke")),
        "settings of a method": Place(tmp_path / "cincgan" / "profiles.toml", lambda: profiles.load_profile("smoke")),
    }
    forget()
    yield places[request.param]
    forget()


def forget() -> None:
    """Clear the caches of parsed files."""
    methods.variants_of.cache_clear()
    methods.configurations_of.cache_clear()
    profiles._merged.cache_clear()


SAID_ELSEWHERE = {  # by file and kind of damage: the message, where it is another one
    ("ablation.toml", "unknown key"): "nonsense",
    ("profiles.toml", "unknown key"): "unknown profile 'nonsense'",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_toml_files(kind: str, place: Place) -> None:
    content, message = BROKEN[kind]
    message = SAID_ELSEWHERE.get((place.path.name, kind), message)
    if kind == "empty" and place.path.name in ("ablation.toml", "profiles.toml"):
        pytest.skip("no variants, and no settings of a method that nobody runs, are no mistake")
    sound = place.path.read_text()
    place.read()
    forget()
    if content is None:
        place.path.unlink()
        place.path.mkdir()
    else:
        place.path.write_bytes(content if isinstance(content, bytes) else content.replace("{}", sound).encode())
    if place.path.name == "profiles.toml" and content is None:
        return  # a folder of that name is no file of settings
    with pytest.raises(UsageError) as caught:
        place.read()
    line = check_line(f"error: {one_line(str(caught.value))}")
    assert any(part in line for part in message.split("|")), line
    assert str(place.path) in line or "profile 'smoke'" in line


CONTRADICTIONS: list[tuple[str, str, str, str]] = [
    ("demo-photos", 'name = "demo-photos"', 'name = "../x"', "must be the file's"),
    ("demo-photos", "scale = 4", "scale = 0", "scale is 0: a whole number of at least 1 is needed"),
    ("demo-photos", 'kind = "packaged-photos"', 'kind = "photos"', "unknown kind 'photos'"),
    ("demo-photos", 'module = "skimage"', 'module = "../../x"', "module is '../../x': a text that matches"),
    ("demo-photos", 'file = "data/', 'file = "../../../', "leads out"),
    ("set5", 'name = "Set5"', 'name = "../../Set5"', "name is '../../Set5': a text that matches"),
    ("set5", 'urls = ["https:', 'urls = ["file:', "urls[0] is 'file:"),
    ("set5", 'urls = ["https:', 'urls = ["https: ', "urls[0] is 'https: "),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), CONTRADICTIONS)
def test_cards_that_would_do_harm(
    name: str, old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "datasets" / f"{name}.toml").read_text()
    if old not in text:
        pytest.skip(f"no longer in the card: {old}")
    (tmp_path / f"{name}.toml").write_text(text.replace(old, new))
    monkeypatch.setattr(cards, "CARDS", tmp_path)
    with pytest.raises(UsageError) as caught:
        cards.load_dataset_card(name)
    assert message in check_line(f"error: {one_line(str(caught.value))}")


NEUTRAL: dict[str, dict[str, str | None]] = {
    "no HOME": {"HOME": None, "XDG_CACHE_HOME": None, "CINCGAN_CACHE": None},
    "no TMPDIR": {"TMPDIR": "/nowhere"},
    "TERM": {"TERM": "nonsense", "COLUMNS": "abc", "LINES": "-1"},
    "ASCII": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    "a locale that is not there": {"LC_ALL": "xx_YY.nonsense"},
    "offline": {"CINCGAN_OFFLINE": "perhaps"},
    "a tracker that is none": {"MLFLOW_TRACKING_URI": "nonsense://["},
    "a cache that is a file": {"CINCGAN_CACHE": "/dev/null"},
    "data below a file": {"CINCGAN_DATA": "/dev/null/x"},
}


@pytest.mark.parametrize("kind", NEUTRAL)
def test_an_odd_environment_does_not_matter_where_nothing_depends_on_it(kind: str, tmp_path: Path) -> None:
    done = process("prepare", "--list", cwd=tmp_path, environment=NEUTRAL[kind])
    assert (done.returncode, done.stderr) == (0, "")
    assert "div2k-track2" in done.stdout
    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"CINCGAN_CACHE": "/dev/null"}, "/dev/null"),
        ({"CINCGAN_DATA": "/dev/null/x"}, "/dev/null/x"),
        ({"CINCGAN_DATA": "x" * 5000}, "File name too long"),
        ({"CINCGAN_CACHE": "x" * 5000}, "File name too long"),
    ],
)
def test_folders_that_cannot_exist(environment: dict[str, str], message: str, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    done = process("prepare", "set5", "--offline", cwd=tmp_path, environment=environment)
    check_line(done.stderr, message)
    assert (done.returncode, snapshot(tmp_path)) == (2, before)


@pytest.mark.parametrize("stream", ["/dev/full", "closed pipe", "closed"])
def test_an_output_that_takes_nothing(stream: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m benchmarks.run --list"
    shell = {"/dev/full": f"{line} > /dev/full", "closed pipe": f"({line}; echo $? >&2) | true", "closed": f"{line} >&-"}[stream]
    command = ["bash", "-c", shell]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if stream == "/dev/full":
        check_line(done.stderr, "standard output cannot be written (No space left on device)")
    else:
        assert done.stderr == {"closed pipe": "141\n", "closed": ""}[stream]
    assert done.returncode == (1 if stream == "/dev/full" else 0)


WITHOUT = """
import runpy, sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
runpy.run_module("benchmarks.run", run_name="__main__")
"""


@pytest.mark.parametrize("package", ["platformdirs", "rich", "msgspec"])
def test_a_package_that_is_not_installed(package: str, tmp_path: Path) -> None:
    line = [sys.executable, "-c", WITHOUT, "--methods", "bicubic", "--profile", "smoke", "--output", str(tmp_path / "runs")]
    code = WITHOUT.replace("sys.argv[1]", repr(package))
    done = subprocess.run([line[0], "-c", code, *line[3:]], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"'{package}' is not installed: run pip install -e ." in done.stderr.splitlines()[-1]


def test_one_of_our_own_modules_that_is_not_there_is_a_bug() -> None:
    assert missing_prerequisite(ModuleNotFoundError("No module named 'benchmarks.x'", name="benchmarks.x")) is None
    assert "'safetensors'" in str(missing_prerequisite(ModuleNotFoundError("x", name="safetensors.torch")))


LOOPS = [
    ("evaluate", "--sr", "loop", "--hr", "loop", "--protocol", "rgb"),
    ("run", "--methods", "bicubic", "--profile", "smoke", "--data-dir", "loop"),
    ("run", "--methods", "bicubic", "--profile", "smoke", "--output", "loop/x", "--dry-run"),
    ("upscale", "loop", "--output", "out"),
    ("build", "--results", "loop"),
]


@pytest.mark.parametrize("words", LOOPS, ids=lambda words: words[0])
def test_a_loop_of_links(words: tuple[str, ...], tmp_path: Path, refused: Refused) -> None:  # noqa: F811
    (tmp_path / "loop").symlink_to("loop")
    refused(*words, message="is no path (Too many levels of symbolic links)")


def test_a_removed_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert evaluate.main(["--sr", "a", "--hr", "b", "--protocol", "rgb"]) == 2
    check_line(capsys.readouterr().err, "the working directory cannot be used")


def test_a_value_that_begins_with_a_dash(refused: Refused) -> None:  # noqa: F811
    refused("evaluate", "--sr", "-dash", "--hr", "b", message="a value that begins with a dash is given as --sr=-dash")
