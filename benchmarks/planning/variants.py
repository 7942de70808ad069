"""Settings of a variant: the method's profile with the variant's changes, and as many training steps in all as the method has."""

from collections.abc import Iterable

from benchmarks.api.entries import MethodEntry
from benchmarks.catalog.methods import get_method, get_stage
from benchmarks.catalog.profiles import Profile, changed
from benchmarks.core.errors import UsageError


def varied(profile: Profile, method: MethodEntry) -> Profile:
    """The profile under which a method or variant is trained and scored.

    A variant with ``steps_to`` trains that stage for the steps that it saves elsewhere too, and the stage's halvings of the
    learning rate keep their places in proportion.

    Args:
        profile: perhaps with a user's changes.
        method: a method or variant of the catalog.

    Raises:
        UsageError: a change that the profile refuses; a ``steps_to`` that is no stage of the variant, or whose stage has no
            steps.
    """
    profile_of_variant = changed(profile, method.changes)
    if not method.steps_to:
        return profile_of_variant
    if method.steps_to not in stages_of(method):
        raise UsageError(f"variant '{method.name}': steps_to = {method.steps_to!a}: it trains {', '.join(stages_of(method))}")
    saved = _steps(profile, stages_of(get_method(method.base))) - _steps(profile_of_variant, stages_of(method))
    training = profile_of_variant.stage(method.steps_to).training
    if not training.steps:
        return profile_of_variant
    steps = training.steps + saved
    halve_every = round(training.halve_every * steps / training.steps)
    table = f"stages.{method.steps_to}.training"
    return changed(profile_of_variant, (f"{table}.steps={steps}", f"{table}.halve_every={halve_every}"))


def stages_of(method: MethodEntry) -> list[str]:
    """Stages that are trained for a method, each after the stages that it starts from."""
    names: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in get_stage(name).needs:
            if needed not in method.without:
                add(needed)
        names.setdefault(name)

    for name in method.stages:
        add(name)
    return list(names)


def _steps(profile: Profile, stages: Iterable[str]) -> int:
    return sum(profile.stage(name).training.steps for name in stages)
