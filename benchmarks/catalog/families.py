"""Families of methods: what a method may see, and how it uses it. Rows of tables are grouped by them."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.api.entries import Family
from benchmarks.catalog.methods import methods
from benchmarks.core.errors import UsageError, unknown

FAMILIES: dict[str, str] = {  # headings of rows, in the order of tables
    "interpolation": "",
    "classical": "floors: classical methods, nothing is learned of noise",
    "clean-pairs": "clean pairs: saw Z and its bicubic LR images",
    "unpaired-direct": "unpaired and direct: saw X and Z, cleans LR images first",
    "unpaired-indirect": "unpaired and indirect: saw X and Z, learns to degrade Z",
    "explicit-estimate": "explicit estimate: saw X and Z, measures noise or blur of X",
    "synthetic": "synthetic: saw Z alone, degrades it by hand-made random models",
    "internal": "internal: learns from LR images themselves",
    "supervised": "supervised upper references: saw degraded pairs",
    "released": "released weights, trained on other data",
}
UNPAIRED = "unpaired"  # name of the families that are trained without pairs of degraded LR and HR images
WITHOUT_PAIRS: tuple[Family, ...] = ("unpaired-direct", "unpaired-indirect", "explicit-estimate", "synthetic", "internal")


def methods_of_families(names: Iterable[str]) -> list[str]:
    """Names of the methods of families, without variants, in the order of the catalog.

    Raises:
        UsageError: an unknown family, or one without methods.
    """
    wanted = set[str]()
    for name in names:
        if name != UNPAIRED and name not in FAMILIES:
            raise unknown("family", name, (*FAMILIES, UNPAIRED))
        members = [method.name for method in methods().values() if method.family in _members(name)]
        if not members:
            raise UsageError(
                f"--family {name}: the catalog has no method of this family: python -m benchmarks.run --list names all"
            )
        wanted.update(members)
    return [name for name in methods() if name in wanted]


def described_families() -> dict[str, str]:
    """Methods of each family that has any, for lists; by the name of the family."""
    names = (*FAMILIES, UNPAIRED)
    listed = {name: ", ".join(m.name for m in methods().values() if m.family in _members(name)) for name in names}
    return {name: text for name, text in listed.items() if text}


def _members(name: str) -> tuple[str, ...]:
    return WITHOUT_PAIRS if name == UNPAIRED else (name,)
