"""Results of code or settings that have changed since: their cells would have other ids today, and perhaps other numbers."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.catalog.methods import get_method, get_stage, is_method, stages
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted
from benchmarks.core.values import plain
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.matching import some
from benchmarks.planning.identity import evaluation_code, training_code
from benchmarks.planning.variants import varied
from benchmarks.results.provenance import not_in_history
from benchmarks.results.record import EvaluationResult, Result, TrainingResult

BEGIN = "Since then:"  # of the sentence, which depends on the present code, so that comparisons of pages leave it out


def changed_code(results: Sequence[Result]) -> str:
    """Sentence on results whose code or settings have changed, and on commits that are not in the history; empty without any.

    Code is compared by its digest, so that neither missing images nor other versions of packages count. Results of another
    minor version of Python are not compared, for their digests may differ.

    Args:
        results: a whole results folder, trainings included.
    """
    by_id = {result.cell.id: result for result in results}
    changed = [result.cell.label for result in results if _has_changed(result, by_id)]
    lost = not_in_history({result.git.commit for result in results if result.git.commit})
    names = some(list(dict.fromkeys(changed)))
    settings = dict.fromkeys(text for result in results if (text := _other_settings(result, by_id)))
    parts = [
        f"{len(changed)} of {counted(len(results), 'result')} are of code that has changed ({names})" if changed else "",
        f"settings of that day: {', '.join(settings)}" if settings else "",
        f"{counted(len(lost), 'commit')} not in the repository's history ({some([name[:10] for name in lost])})" if lost else "",
    ]
    return f"{BEGIN} {'; '.join(filter(None, parts))}." if any(parts) else ""


def is_same(page: str, other: str) -> bool:
    """True if two pages differ at most in sentences of ``changed_code``, which depend on the code that is here."""
    return _without_sentences(page) == _without_sentences(other)


def _without_sentences(page: str) -> list[str]:
    return [line.partition(f" {BEGIN}")[0] for line in page.splitlines()]


def _has_changed(result: Result, by_id: Mapping[str, Result]) -> bool:
    """True if the modules that decide a result have another digest now. False where that cannot be told."""
    minor = platform.python_version().rpartition(".")[0]
    if not result.cell.code or result.environment.python.rpartition(".")[0] != minor:
        return False
    if result.cell.label not in stages() if isinstance(result, TrainingResult) else not is_method(result.cell.label):
        return True  # it is in the catalog no more
    try:
        name = _code_now(result, by_id)
    except UsageError:  # a card, a plug-in or a package is not here
        return False
    return bool(name) and name.split()[:2] != result.cell.code.split()[:2]  # versions of packages come behind the digest


def _other_settings(result: Result, by_id: Mapping[str, Result]) -> str:
    """A method of a profile whose trainings had other settings than the profile has now, with them; empty for others.

    Settings that are younger than a result have their default there. Changes from the command line are named elsewhere.
    """
    if not isinstance(result, EvaluationResult) or result.changes or not result.profile or not is_method(result.cell.label):
        return ""
    texts = []
    try:
        profile = varied(load_profile(result.profile), get_method(result.cell.label))
        for stage, needed in result.cell.needs.items():
            training = by_id.get(needed)
            if isinstance(training, TrainingResult):
                differences = _differences(training.settings.stage, plain(profile.stage(stage)))
                texts += [f"{stage} {name} {then}, now {now}" for name, then, now in differences]
    except UsageError:  # the profile, the method or the stage is not here any more
        return ""
    return f"{result.cell.label} ({'; '.join(texts)})" if texts else ""


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Names of settings that two records have with other values, and both values."""
    for key in sorted(then.keys() & now.keys()):
        if isinstance(then[key], Mapping) and isinstance(now[key], Mapping):
            yield from _differences(then[key], now[key], f"{prefix}{key}.")
        elif then[key] != now[key]:
            yield f"{prefix}{key}", then[key], now[key]


def _code_now(result: Result, by_id: Mapping[str, Result]) -> str:
    """Target and digest of a result's code as it is planned now; empty if the results lack its training."""
    if not isinstance(result, EvaluationResult):
        return training_code(result.cell.label, _data(result), get_stage(result.cell.label).reads).name
    needed = [by_id.get(cell) for cell in result.cell.needs.values()]
    training = next(filter(None, needed), None)
    if needed and training is None:
        return ""
    return evaluation_code(
        result.cell.label, result.settings, _data(result), _data(training) if training is not None else None
    ).name


def _data(result: Result) -> Dataset:
    """The data set that a result records; its images need not be here."""
    return Dataset.recorded(load_dataset_card(result.cell.dataset), result.data.degradation, result.data.parameters)
