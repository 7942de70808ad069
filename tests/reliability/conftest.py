from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.lives import SHORT, Command


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a short, undisturbed run."""
    output = tmp_path_factory.mktemp("undisturbed") / "runs"
    done = Command(SHORT, output).undisturbed()
    assert done.returncode == 0, done.stderr
    return output
