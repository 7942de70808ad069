"""Names and titles of everything that the catalog has, for ``python -m benchmarks.run --list``."""

from __future__ import annotations

from benchmarks.catalog.degradations import DEGRADATIONS, degradation_class
from benchmarks.catalog.families import described_families
from benchmarks.catalog.methods import methods, variants_of
from benchmarks.catalog.profiles import load_profile, profile_names
from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.catalog.studies import load_study
from benchmarks.core.plugins import all_plugins
from benchmarks.data.cards import dataset_names, load_dataset_card


def catalog_titles() -> dict[str, dict[str, str]]:
    """Titles by name of all kinds of entries, the methods of each family, and the versions of installed plug-ins."""
    return {
        "methods": {name: method.title for name, method in methods().items()},
        "variants": {variant.name: variant.title for name in methods() for variant in variants_of(name).values()},
        "studies": {name: load_study(name).title for name, method in methods().items() if method.study},
        "families": described_families(),
        "datasets": {name: load_dataset_card(name).title for name in dataset_names()},
        "degradations": {name: _first_line(degradation_class(name)) for name in DEGRADATIONS},
        "profiles": {name: load_profile(name).description for name in profile_names()},
        "protocols": {name: get_protocol(name).title for name in PROTOCOLS},
        "plugins": {plugin.distribution: plugin.version for plugin in all_plugins()},
    }


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").partition("\n")[0].rstrip(".")
