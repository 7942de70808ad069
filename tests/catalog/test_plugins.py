"""Plug-ins: additions by entry points; a broken one, or one whose names are taken, is a line and stops nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.catalog.degradations import DEGRADATIONS
from benchmarks.catalog.methods import get_method, methods, stages, variants_of
from benchmarks.catalog.metrics import METRICS, get_metric
from benchmarks.catalog.profiles import load_profile
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import weight_names
from benchmarks.data.cards import dataset_names, load_dataset_card
from benchmarks.planning.plan import make_plan
from tests.conftest import ROOT
from tests.helpers.plugins import Site, empty_site, forget  # noqa: F401 - a fixture

DECLARES = "from benchmarks.api.entries import MethodEntry, MetricEntry, StageEntry\n"


def method(name: str, more: str = "") -> str:
    return f'{DECLARES}METHODS = (MethodEntry("{name}", "a line", "baselines.bicubic.method:Bicubic", "clean-pairs"{more}),)\n'


DEGRADATION = """
from dataclasses import dataclass
from typing import ClassVar
from benchmarks.degradations.operator import Degradation

@dataclass(frozen=True)
class Grey(Degradation):
    "Takes colour away."
    name: ClassVar[str] = "grey"
    def apply(self, image, scale, stream):
        return image.mean(axis=2, keepdims=True).repeat(3, axis=2)
"""
BROKEN: dict[str, tuple[dict[str, str], dict[str, dict[str, str]], str]] = {
    "no-module": ({}, {"methods": {"a": "brk_none"}}, "methods: a) is left out: there is no module 'brk_none'"),
    "raises": (
        {"brk_raises.py": "x = 1\ny = 1 / 0\n"},
        {"protocols": {"a": "brk_raises:A"}},
        "protocols: a) is left out: brk_raises cannot be imported (ZeroDivisionError: division by zero, ",
    ),
    "syntax": (
        {"brk_syntax.py": "def broken(:\n"},
        {"degradations": {"a": "brk_syntax:A"}},
        "degradations: a) is left out: brk_syntax cannot be imported (SyntaxError: invalid syntax, ",
    ),
    "exits": (
        {"brk_exits.py": "import sys\nsys.exit(3)\n"},
        {"metrics": {"a": "brk_exits:A"}},
        "metrics: a) is left out: brk_exits cannot be imported (SystemExit: 3, ",
    ),
    "lacks": (
        {"brk_lacks.py": "import not_installed_at_all\n"},
        {"metrics": {"a": "brk_lacks:A"}},
        "metrics: a) is left out: the Python package 'not_installed_at_all', which it needs, is not installed",
    ),
    "no-name": ({"brk_empty.py": ""}, {"metrics": {"a": "brk_empty:A"}}, "is left out: brk_empty has no 'A'"),
    "another-kind": ({"brk_int.py": "A = 3\n"}, {"metrics": {"a": "brk_int:A"}}, "brk_int:A is no MetricEntry with a target"),
    "no-protocol": ({"brk_p.py": "A = 3\n"}, {"protocols": {"a": "brk_p:A"}}, "brk_p:A has no name, title, version, score, view"),
    "other-name": (
        {"brk_d.py": DEGRADATION},
        {"degradations": {"gray": "brk_d:Grey"}},
        "brk_d:Grey has the name 'grey': call the entry point so, or rename the degradation",
    ),
    "no-methods": ({"brk_m/__init__.py": ""}, {"methods": {"a": "brk_m"}}, "brk_m has no tuple METHODS of MethodEntry"),
    "wrong-type": (
        {"brk_t/__init__.py": method("a", ', smallest="x"')},
        {"methods": {"a": "brk_t"}},
        "method 'a': smallest is a text ('x'): a whole number is needed",
    ),
    "mistyped": (
        {
            "brk_y/__init__.py": f'{DECLARES}METHODS = (MethodEntry("a", "a line", "brk_y.methd:A", "internal"),)\n',
            "brk_y/method.py": "",
        },
        {"methods": {"a": "brk_y"}},
        "method 'a': there is no module 'brk_y.methd'",
    ),
    "no-variants": (
        {"brk_v/__init__.py": method("a", ', variants="brk_v/none.toml"')},
        {"methods": {"a": "brk_v"}},
        "brk_v/none.toml: cannot be read",
    ),
    "no-card": ({"brk_c/__init__.py": ""}, {"datasets": {"a": "brk_c"}}, "brk_c has no cards: add NAME.toml"),
    "wrong-card": (
        {"brk_w/__init__.py": "", "brk_w/mine.toml": 'kind = "foldr"\n'},
        {"datasets": {"a": "brk_w"}},
        "mine.toml: unknown kind 'foldr': did you mean 'folder'?",
    ),
    "wrong-weights": (
        {"brk_x/__init__.py": "", "brk_x/weights/mine.toml": "name = 3\n"},
        {"datasets": {"a": "brk_x"}},
        "mine.toml: name is a whole number (3): a text is needed",
    ),
    "no-group": ({}, {"executors": {"a": "brk_e:A"}}, "there is no group cincgan_benchmark.executors: the groups are methods, "),
    "no-target": ({}, {"methods": {"a": "brk-z"}}, "'brk-z'"),  # which importlib_metadata refuses before
    "of-the-project": ({}, {"methods": {"a": "baselines.bicubic"}}, "baselines.bicubic is no code of its own"),
    "odd-name": ({"brk_o/__init__.py": method("a/b")}, {"methods": {"a": "brk_o"}}, "method 'a/b': names are of letters, digits"),
    "of-python": ({}, {"metrics": {"a": "json:loads"}}, "json:loads is no code of its own"),
}


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Lines on standard error by the distribution that they name."""
    text = capsys.readouterr().err.splitlines()
    return {line.split()[1]: line for line in text if line.startswith("plug-in ")}


def everything() -> dict[str, list[str]]:
    registries = {"methods": methods(), "stages": stages(), "metrics": METRICS, "degradations": DEGRADATIONS}
    named = {kind: list(registry) for kind, registry in registries.items()}
    return {**named, "protocols": list(PROTOCOLS), "datasets": dataset_names(), "weights": weight_names()}


def test_each_broken_plugin_is_one_line_and_stops_nothing(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything()
    for name, (files, points, _) in BROKEN.items():
        site.install(name, files, **points)
    site.install("sound", {"sound/__init__.py": method("sound")}, methods={"sound": "sound"})
    after = everything()
    assert after.pop("methods") == [*before.pop("methods"), "sound"] and after == before
    assert load_profile("smoke") and variants_of("sound") == {}
    said = lines(capsys)
    assert said.keys() == BROKEN.keys()
    for name, (*_, text) in BROKEN.items():
        assert text in said[name] and len(said[name]) < 400


CLASHES = {
    "own-method": ({"clash_a/__init__.py": method("edsr")}, {"methods": {"a": "clash_a"}}, "the project has a method 'edsr'"),
    "own-stage": (
        {"clash_b/__init__.py": method("b", ', trains=(StageEntry("edsr", "clash_b.s:S", "clash_b.s:T", ("z",)),)')}
        | {"clash_b/s.py": "S = T = 1\n"},
        {"methods": {"a": "clash_b"}},
        "the project has a training stage 'edsr'",
    ),
    "own-metric": (
        {"clash_c.py": f'{DECLARES}A = MetricEntry("psnr", "PSNR", target="clash_c:B")\nB = 1\n'},
        {"metrics": {"psnr": "clash_c:A"}},
        "the project has a metric 'psnr': rename the plug-in's",
    ),
    "own-card": (
        {"clash_d/__init__.py": "", "clash_d/set5.toml": (ROOT / "datasets" / "set5.toml").read_text(encoding="utf-8")},
        {"datasets": {"a": "clash_d"}},
        "the project has a data set 'set5'",
    ),
    "first": (
        {"clash_e/__init__.py": method("twice")},
        {"methods": {"a": "clash_e"}},
        "by first and second: rename or uninstall",
    ),
    "second": ({"clash_f/__init__.py": method("twice")}, {"methods": {"a": "clash_f"}}, "method 'twice' is added more than once"),
}


def test_clashing_names_are_refused(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything()
    for name, (files, points, _) in CLASHES.items():
        site.install(name, files, **points)
    assert everything() == before
    assert get_metric("psnr").target == "" and get_method("edsr").target.startswith("baselines.")
    said = lines(capsys)
    assert said.keys() == CLASHES.keys()
    for name, (*_, text) in CLASHES.items():
        assert text in said[name]


TRAINED = {
    "trained/__init__.py": method(
        "trained", ', trains=(StageEntry("trained", "trained.stage:Stage", "trained.settings:Settings", ("z",)),)'
    ),
    "trained/settings.py": (
        "from dataclasses import dataclass\nfrom benchmarks.api.settings import TrainingSettings\n"
        "@dataclass(frozen=True)\nclass Settings:\n    training: TrainingSettings\n    width: int = 3\n"
    ),
    "trained/stage.py": "from .network import Network\nclass Stage:\n    step = probe = Network\n",
    "trained/network.py": "class Network:\n    pass\n",
}
SETTINGS = """
[demo.stages.trained.training]
steps = 200
batch_size = 4
patch_size = 24
learning_rate = 1e-3
halve_every = 100
beta1 = 0.9
beta2 = 0.999
ema_decay = 0.0
precision = "float32"
[demo.estimates]
trained = { seconds = 5, megabytes = 1 }
[smoke.stages.trained.training]
steps = 5
"""


INSIDE = {
    "inside/__init__.py": method("inside", ', inference="inside.settings:Settings"'),
    "inside/settings.py": "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Settings:\n    steps: int\n",
    "inside/profiles.toml": "[demo.inference.inside]\nsteps = 7\n[demo.estimates]\ninside = { seconds = 5, megabytes = 1 }\n",
}


def test_a_plugin_that_trains_inside_its_call_has_settings_in_profiles(site: Site) -> None:
    site.install("inside", INSIDE, methods={"inside": "inside"})
    profile = load_profile("smoke", ["inference.inside.steps=2"])
    assert make_plan(profile, ["inside"])[0].inference_stage["inside"].settings.steps == 2
    assert load_profile("demo").estimate_for("evaluate", "inside").seconds == 5  # type: ignore[union-attr]
    with pytest.raises(UsageError, match=r"profile 'paper' has no settings \[inference.inside\]"):
        make_plan(load_profile("paper"), ["inside"], ["demo-photos"])


def test_a_trained_plugin_has_settings_in_profiles_and_gives_no_other_cell_a_new_id(site: Site) -> None:
    before = {cell.id for cell in make_plan(load_profile("smoke"))}
    site.install("trained", {**TRAINED, "trained/profiles.toml": SETTINGS}, methods={"trained": "trained"})
    profile = load_profile("smoke", ["stages.trained.width=5"])
    assert (profile.stage("trained").training.steps, profile.stage("trained").width) == (5, 5)
    assert load_profile("demo").estimates["trained"].seconds == 5 and "trained" not in profile.estimates
    with pytest.raises(UsageError, match=r"profile 'paper' has no settings \[stages.trained\]"):
        make_plan(load_profile("paper"), ["trained"], ["demo-photos"])
    assert {cell.id for cell in make_plan(load_profile("smoke"))} == before
    training = make_plan(load_profile("smoke"), ["trained"])[0]
    assert training.code.endswith(" trained==1.0")
    assert {name for name in training.sources if name.startswith("trained")} == {"trained.stage", "trained.network"}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (None, "profiles.toml: cannot be read"),
        ("[dmeo.stages.trained]\n", "unknown profile 'dmeo': did you mean 'demo'?"),
        ("demo = 3\n", "unknown profile 'demo'"),
        (f"{SETTINGS}\n[smoke.stages.edsr]\nchannels = 3\n", "[smoke] has stages: only [smoke.stages.trained] and estimates of"),
        ("[smoke]\nmethods = ['trained']\n", "[smoke] has methods: only [smoke.stages.trained] and estimates of these are read"),
        (SETTINGS.replace("steps = 5", "steps = 'many'"), "smoke.stages.trained.training.steps is a text ('many')"),
        (SETTINGS.replace("steps = 5", "stesp = 5"), "unknown key 'stesp': did you mean 'steps'?"),
    ],
)
def test_a_plugins_settings_that_do_not_fit_are_a_line(
    settings: str | None, text: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    files = TRAINED if settings is None else {**TRAINED, "trained/profiles.toml": settings}
    site.install("trained", files, methods={"trained": "trained"})
    before = load_profile("smoke")
    assert "trained" not in before.stages and "trained" in methods()
    assert text in lines(capsys)["trained"]
    with pytest.raises(UsageError, match=r"has no settings \[stages.trained\]"):
        make_plan(before, ["trained"])


def test_cards_of_plugins_are_data_sets(site: Site) -> None:
    text = (ROOT / "datasets" / "set5.toml").read_text(encoding="utf-8").replace('"set5"', '"set6"', 1)
    weights = (ROOT / "datasets" / "weights" / "vgg19.toml").read_text(encoding="utf-8").replace('"vgg19"', '"vgg20"', 1)
    files = {"cards6/__init__.py": "", "cards6/set6.toml": text, "cards6/weights/vgg20.toml": weights}
    site.install("cards6", files, datasets={"cards": "cards6"})
    assert load_dataset_card("set6").title == load_dataset_card("set5").title
    assert "vgg20" in weight_names() and "set6" in dataset_names()


def test_the_list_names_plugins(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("grey-plugin", {"grey_plugin.py": DEGRADATION}, degradations={"grey": "grey_plugin:Grey"})
    assert run.main(["--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["plugins"] == {"grey-plugin": "1.0"} and listed["degradations"]["grey"] == "Takes colour away"


def test_without_plugins_their_metadata_are_not_parsed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the metadata of all that is installed would take as long as the rest of --list."""
    monkeypatch.setattr("sys.path", [str(site.folder), str(ROOT), "/nowhere"])
    monkeypatch.setattr("importlib.metadata.distributions", None)
    forget()
    assert "bicubic" in methods() and "psnr" in METRICS
    site.install("of-another-project", {}, console_scripts={})
    (site.folder / "of_another_project-1.0.dist-info" / "entry_points.txt").write_text("[console_scripts]\na = b:c\n")
    forget()
    assert "bicubic" in methods()


def test_entry_points_that_cannot_be_read_are_no_plugins(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    metadata = site.folder / "unreadable-1.0.dist-info"
    (metadata / "entry_points.txt").mkdir(parents=True)
    site.look_again()
    for name, text in {"binary": b"\xff", "damaged": b"[cincgan_benchmark.methods]\nno equals sign\n"}.items():
        site.install(name, {}, methods={"a": "b"})
        (site.folder / f"{name}-1.0.dist-info" / "entry_points.txt").write_bytes(text)
    site.look_again()
    assert "bicubic" in methods()
    said = lines(capsys)
    beginning = "plug-in damaged (entry points: all) is left out: entry_points.txt cannot be parsed ("
    assert said.keys() == {"damaged"} and said["damaged"].startswith(beginning)


def test_a_plugin_on_the_path_twice_is_the_first(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = Site(tmp_path / "later")
    for place, version in ((site, "2.0"), (later, "1.0")):
        place.install("sound", {"sound/__init__.py": method("sound")}, version, methods={"sound": "sound"})
    monkeypatch.setattr("sys.path", [str(site.folder), str(later.folder), *sys.path])
    site.look_again()
    assert make_plan(load_profile("smoke"), ["sound"])[0].code.count("sound") == 0, "its code is the project's bicubic"
    assert "sound" in methods()
