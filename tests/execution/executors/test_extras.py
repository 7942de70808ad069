"""An installation without the extras."""

from __future__ import annotations

import pytest

from tests.conftest import Run
from tests.helpers.clusters import INJECTED


@pytest.mark.parametrize(("executor", "package"), [("ray", "ray")])
def test_an_executor_that_is_not_installed(executor: str, package: str, command: Run) -> None:
    done = command("--methods", "bicubic", "--profile", "smoke", "--executor", executor, PYTHONPATH=str(INJECTED / "no_extras"))
    assert done.returncode == 2
    assert done.stderr == f"error: --executor {executor}: {package} is not installed: run pip install -e '.[{executor}]'\n"
