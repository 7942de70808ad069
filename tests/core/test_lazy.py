"""Objects by lazy strings: typing errors in the catalog and modules that fail to import are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.core import lazy
from benchmarks.core.errors import UsageError
from benchmarks.core.lazy import check, resolve

MISTYPED = [
    (
        "baselines.bicubik.method:Bicubic",
        "there is no module 'baselines.bicubik': did you mean 'baselines.bicubic'? mend 'baselines.bicubik.method' in",
    ),
    (
        "baselines.bicubic.metod:Bicubic",
        "there is no module 'baselines.bicubic.metod': did you mean 'baselines.bicubic.method'? "
        "mend 'baselines.bicubic.metod' in the catalog",
    ),
    (
        "baselines.bicubic.method:Bicubik",
        "baselines.bicubic.method has no 'Bicubik': did you mean 'Bicubic'? mend 'baselines.bicubic.method:Bicubik' in",
    ),
    ("baselines.bicubic.method:Xyzzy", "baselines.bicubic.method has no 'Xyzzy': mend 'baselines.bicubic.method:Xyzzy' in"),
    ("baselines.bicubic.method", "'baselines.bicubic.method' is no 'module:Name': mend it in the catalog"),
]


@pytest.mark.parametrize(("target", "text"), MISTYPED)
def test_a_mistyped_target_is_named_with_the_nearest_name(target: str, text: str) -> None:
    for look in (resolve, check):
        with pytest.raises(UsageError) as caught:
            look(target, "method 'mine'")
        assert str(caught.value).startswith(f"method 'mine': {text}")


def test_an_object_of_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^metric 'mine': benchmarks.scoring.metrics:psnr has no score_batch: name another"):
        resolve("benchmarks.scoring.metrics:psnr", "metric 'mine'", ("score_batch",))


BROKEN = {
    "def broken(:\n": r"SyntaxError: invalid syntax, .*mine_{}.py, line 1",
    "x = 1\ny = 1 / 0\n": r"ZeroDivisionError: division by zero, .*mine_{}.py, line 2",
    "import sys\nsys.exit(3)\n": r"SystemExit: 3, .*mine_{}.py, line 2",
    "import baselines.nowhere\n": r"ModuleNotFoundError: No module named 'baselines.nowhere', .*mine_{}.py, line 1",
    "from cincgan.losses import nothing\n": r"ImportError: cannot import name 'nothing' from 'cincgan.losses' .*, line 1",
}


@pytest.mark.parametrize(("number", "source"), list(enumerate(BROKEN)))
def test_a_module_that_fails_to_import_is_one_line(
    number: int, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"mine_{number}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lazy, "ROOT", tmp_path)
    with pytest.raises(UsageError, match=rf"^stage 'mine': mine_{number} cannot be imported \({BROKEN[source].format(number)}\)"):
        resolve(f"mine_{number}:Mine", "stage 'mine'")


def test_a_package_that_is_not_installed_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_needs.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError):  # commands and executors say how to install it
        resolve("mine_needs:Mine")


def test_checking_imports_nothing_and_knows_all_ways_to_bind_a_name(tmp_path: Path) -> None:
    path = tmp_path / "bound.py"
    path.write_text(
        "from x import a as b, c\nimport d.e\nf: int = 1\ng, (h, i) = 1, (2, 3)\n"
        "try:\n    j = 1\nexcept ImportError:\n    k = 2\nif f:\n    class l: m = 1\nelse:\n    def n(): o = 1\n"
    )
    assert lazy._bound_names(path) == set("bcdfghijklmno")
    check("benchmarks.api.entries:StageEntry", "stage")
    check("cincgan:CinCGAN", "method")  # made by the module's __getattr__
    check("an_installed_package.module:Thing", "plug-in")
