"""Designed studies of methods: a question, and the configurations that answer it, written before their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.catalog.methods import Configuration, configurations_of, get_method, methods, read_study
from benchmarks.catalog.profiles import Profile, Seed
from benchmarks.core.errors import UsageError, unknown
from benchmarks.core.strict import build
from benchmarks.core.text import counted

Names = Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class DesignedStudy:
    """A study of a method's settings on validation images, as the file that ``MethodEntry.study`` names declares it.

    Attributes:
        page: name of its page in ``docs``.
        title: heading of the page.
        question: answered by comparisons of the configurations with ``start``, and of the curves with each other.
        start: configuration that all others are compared with.
        beside: methods that are scored besides.
        profile: whose settings the configurations stand between.
        seeds: of training, where a run names none; not those that results are reported on.
        curves: configurations of two curves of one length, each from ``start`` on by rising effort, compared place by place.
        factors: configurations that change a single setting, by the setting.
        configurations: by the part of the name behind the method's.
    """

    page: Annotated[str, Meta(pattern="^[a-z0-9-]+$")]
    title: str
    question: str
    start: str
    beside: tuple[str, ...]
    profile: str
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1)]
    curves: Annotated[Mapping[str, Names], Meta(min_length=2, max_length=2)]
    factors: Mapping[str, Names]
    configurations: Mapping[str, Configuration]

    @property
    def tried(self) -> list[str]:
        """Names of all configurations, ``start`` first."""
        groups: list[Sequence[str]] = [*self.curves.values(), *self.factors.values()]
        return list(dict.fromkeys((self.start, *(name for names in groups for name in names))))

    @property
    def summary(self) -> str:
        """A line for the command that trains and scores it."""
        return f"{self.title}: {counted(len(self.tried), 'configuration')}, validation images"

    def announcement(self, profile: Profile, seeds: Sequence[int]) -> list[str]:
        """Lines for the command before it trains and scores anything."""
        return list(filter(None, (self.summary, self.another_experiment(profile, seeds))))

    def another_experiment(self, profile: Profile, seeds: Sequence[int]) -> str:
        """Sentence on a run that is not the study as it was designed; empty for others."""
        parts = [f"profile {profile.name}"] if profile.name != self.profile else []
        parts += [f"--set {change}" for change in profile.changes]
        parts += [f"seeds {', '.join(map(str, seeds))}"] if set(seeds) - set(self.seeds) else []
        designed = f"it was designed for profile {self.profile} as it is and seeds {', '.join(map(str, self.seeds))}"
        if not parts:
            return ""
        return f"Not the study as written down ({'; '.join(parts)}): {designed}. Settings of a configuration win over --set."

    @property
    def methods(self) -> list[str]:
        """Methods to train and score: those besides, then configurations, with the unchanged method first."""
        return list(dict.fromkeys((*self.beside, *sorted(self.tried, key=lambda name: "/" in name))))


def load_study(name: str) -> DesignedStudy:
    """The designed study of a method.

    Raises:
        UsageError: an unknown method, a method without a study, or an invalid file; a configuration that is declared and not
            used, or used and not declared.
    """
    studied = [entry.name for entry in methods().values() if entry.study]
    if name not in methods():
        raise unknown("method with a study", name, studied)
    method = methods()[name]
    if not method.study:
        raise UsageError(f"method '{name}' declares no study: give {', '.join(studied)}")
    path, data = read_study(method)
    declared = configurations_of(name)
    study = build(DesignedStudy, data, str(path))
    for configuration in study.methods:
        get_method(configuration)
    if unused := declared.keys() - set(study.tried):
        raise UsageError(f"{path}: no curve and no factor has {', '.join(sorted(unused))}: add it to one, or take it out")
    if wrong := [curve for curve, names in study.curves.items() if names[0] != study.start]:
        raise UsageError(f"{path}: curve '{wrong[0]}' does not begin with {study.start}: put it first")
    if len({len(names) for names in study.curves.values()}) > 1:
        raise UsageError(f"{path}: the two curves are of different lengths: they are compared place by place")
    return study
