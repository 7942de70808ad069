"""Lower bounds of the project's dependencies as constraints of pip, each on a line: ``name==version``.

Printed for the running Python: ``python .ci/lowest.py > lowest.txt && pip install -e '.[test]' -c lowest.txt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli
from packaging.requirements import Requirement


def lowest(project: dict[str, Any], extras: tuple[str, ...]) -> list[str]:
    """Constraints of a ``[project]`` table, for its dependencies and those of extras."""
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    requirements = [Requirement(text) for text in texts]
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


if __name__ == "__main__":
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    print(*lowest(tomli.loads(text)["project"], ("test",)), sep="\n")
