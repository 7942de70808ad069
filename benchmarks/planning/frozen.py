"""Frozen profiles: hashes of settings that were fixed before test images were scored with them.

Settings are chosen on validation images. Then ``python -m benchmarks.freeze PROFILE`` writes a hash for every method to
``benchmarks/catalog/frozen.toml``, which is committed. Test scores under other settings, of other seeds, on other test images, or
of methods that were trained on other images are exploratory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from benchmarks.api.entries import MethodEntry
from benchmarks.catalog import profiles
from benchmarks.catalog.methods import every_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import PROJECT
from benchmarks.core.strict import build, read_toml
from benchmarks.core.values import set_values
from benchmarks.data.cards import DatasetCard, card_path
from benchmarks.data.sources import digest
from benchmarks.planning.variants import stages_of, varied

PATH = Path(profiles.__file__).with_name("frozen.toml")
DIGITS = 16
OWN_IMAGES = "images of your own, which no profile was frozen for"
TEXTS = ("title", "licence", "citation", "notes")  # of cards; they decide no pixel


@dataclass(frozen=True)
class Frozen:
    """A frozen profile.

    Attributes:
        seeds: whose scores count, in order; a table that counts has the first of them.
        methods: hash of the settings of each method and variant, by name.
        also_tested: hash of the card of each further test data set, by name: methods that the profile's training data set trains
            are scored on it as well.
    """

    seeds: Annotated[tuple[int, ...], Meta(min_length=1)]
    methods: Mapping[str, str] = field(default_factory=dict)
    also_tested: Mapping[str, str] = field(default_factory=dict)


@cache
def frozen_profiles() -> Mapping[str, Frozen]:
    """All frozen profiles by name, from the committed file. Raises UsageError if it is invalid."""
    return {name: build(Frozen, table, str(PATH), name) for name, table in read_toml(PATH).items()}


def why_exploratory(profile: Profile, method: MethodEntry, seed: int | None) -> str:
    """Reason why test scores are no results of a frozen profile; empty where they are.

    Args:
        profile: of the run, perhaps with changes.
        method: a method or variant.
        seed: of the training; None for a method without.
    """
    frozen = frozen_profiles().get(profile.name)
    if frozen is None:
        return f"profile {profile.name} is not frozen"
    if method.name not in frozen.methods:
        return f"{method.name} is not frozen in profile {profile.name}"
    if frozen.methods[method.name] != settings_digest(profile, method):
        changes = " ".join(f"--set {change}" for change in profile.changes)
        return f"changed by {changes}" if changes else f"other settings than those that profile {profile.name} was frozen with"
    if seed is not None and seed not in frozen.seeds:
        return f"seed {seed} is none of the frozen seeds {_listed(frozen.seeds)}"
    return ""


def why_data_are_exploratory(profile: str, tested: DatasetCard, training: DatasetCard | None) -> str:
    """Reason why scores on a data set are no results of a frozen profile; empty where they are, or the profile is not frozen.

    Args:
        profile: name of the profile.
        tested: card of the scored images.
        training: card of the images that the method was trained on; None for a method without training.
    """
    frozen = frozen_profiles().get(profile)
    if frozen is None:
        return ""
    if tested.location:
        return OWN_IMAGES
    own = load_profile(profile)
    if tested.name not in (*own.datasets, *frozen.also_tested):
        return f"scored on {tested.name}, which is not frozen for profile {profile}"
    if frozen.also_tested.get(tested.name, hashed := _card_digest(tested.name)) != hashed:
        return f"scored on {tested.name}, whose card is another one than was frozen for profile {profile}"
    usual = tested.name if tested.trains and tested.name in own.datasets else own.training_dataset
    if training is not None and training.name != usual:
        return f"trained on {training.name}, which is not frozen for profile {profile} and {tested.name}"
    return ""


def why_seeds_are_exploratory(profile: str, seeds: Sequence[int]) -> str:
    """Reason why a row of these seeds may be a selection; empty for the first seeds of the frozen list."""
    frozen = frozen_profiles().get(profile)
    if frozen is None or sorted(seeds) == sorted(frozen.seeds[: len(seeds)]):
        return ""
    return f"seeds {_listed(sorted(seeds))}, where the frozen list begins {_listed(frozen.seeds[: len(seeds)])}"


def freeze(profile: Profile, seeds: Sequence[int] | None = None, also_tested: Sequence[str] | None = None) -> Frozen:
    """Hashes of a profile's settings for each method of the project, for the committed file.

    Args:
        profile: without changes.
        seeds: whose scores count; where None, those of the committed file, or the profile's if it is not frozen yet.
        also_tested: names of further test data sets; where None, those of the committed file.
    """
    before = frozen_profiles().get(profile.name)
    seeds = seeds or (before.seeds if before else profile.seeds)
    names = also_tested if also_tested is not None else before.also_tested if before else ()
    own = [entry for entry in every_method() if entry.target.partition(".")[0] in PROJECT]
    methods = {entry.name: settings_digest(profile, entry) for entry in own}
    return Frozen(tuple(seeds), methods, {name: _card_digest(name) for name in names})


def stale_names(profile: Profile) -> list[str]:
    """Methods whose settings in the profile differ from the frozen ones, or that only one of the two has; changed data sets."""
    frozen, present = frozen_profiles()[profile.name], freeze(profile)
    names = sorted(frozen.methods.keys() | present.methods.keys())
    stale = [name for name in names if frozen.methods.get(name) != present.methods.get(name)]
    changed = [name for name, value in frozen.also_tested.items() if present.also_tested[name] != value]
    return [*stale, *(f"data set {name}" for name in changed)]


def settings_digest(profile: Profile, method: MethodEntry) -> str:
    """Hash of everything in a profile that decides the scores of a method, seeds and code aside."""
    settings = varied(profile, method)
    content = {
        "degradation": settings.degradation.identity,
        "datasets": [_deciding(read_toml(card_path(name))) for name in _datasets(settings)],
        "protocols": {name: get_protocol(name).version for name in settings.protocols},
        "metrics": {metric.name: dict(metric.options) for metric in map(get_metric, settings.metrics)},
        "threads": settings.threads,
        "tile": settings.tile,
        "stages": {name: set_values(settings.stage(name)) for name in stages_of(method)},
    }
    if own := settings.inference_values(method):
        content["inference"] = own
    return digest(content)[:DIGITS]


def _datasets(profile: Profile) -> list[str]:
    """Names of the data sets that are scored, and of another one that methods are trained on."""
    return list(dict.fromkeys([*profile.datasets, profile.training_dataset]))


def _card_digest(name: str) -> str:
    """Hash of everything in a data set's card that decides pixels."""
    return digest(_deciding(read_toml(card_path(name))))[:DIGITS]


def _deciding(card: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key not in TEXTS}


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
