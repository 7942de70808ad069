"""Merging of results folders of several authors. Results that cannot stand beside each other are refused; no number changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.catalog.methods import is_method
from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted
from benchmarks.data.matching import some
from benchmarks.results.record import EvaluationResult, TrainingResult
from reports.studies import FinishedCell, load_evidence

Images = tuple[str, str, str, str]  # data set, split, degradation, its settings


def load_merged(
    roots: Sequence[Path], directories: Collection[str] = (), leave_out: Callable[[str], None] | None = None
) -> list[FinishedCell]:
    """Every finished cell of one or several results folders, in the order of ids.

    Cells that several folders have are taken from the first; a line for each folder says so where scores or weights differ.

    Args:
        roots: the folders.
        directories: folders of the user's own images, as of ``load_evidence``.
        leave_out: called with a line for each corrupt result file, each folder with results that have no digest of their
            content, and each folder with other outcomes than an earlier one. None: corrupt files are errors.

    Raises:
        UsageError: a folder has no results, or results that cannot stand beside those of an earlier folder: of other images under
            one name of a data set, of another version of a protocol, or of another method under one name.
    """
    merged = dict[str, FinishedCell]()
    folders = [(root, load_evidence(root, directories, leave_out)) for root in roots]
    if len(folders) > 1:
        _refuse_mixtures(folders)
        if leave_out:
            _say_unverified(folders, leave_out)
    for root, evidence in folders:
        others = dict[str, list[str]]()
        for cell in evidence:
            first = merged.setdefault(cell.id, replace(cell, root=str(root) if len(folders) > 1 else ""))
            if _outcome(first) != _outcome(cell):
                merged[cell.id] = replace(first, differs=(*first.differs, str(root)))
                others.setdefault(first.root, []).append(f"{cell.result.cell.kind} {cell.label}")
        for first_root, names in others.items():
            what = f"{len(names)} of {counted(len(evidence), 'result')} ({some(list(dict.fromkeys(names)))})"
            if leave_out:
                leave_out(
                    f"{root}: {what} are in {first_root} too, with another outcome: those of the first folder are shown; "
                    "the page of reports.build says so at each number"
                )
    return sorted(merged.values(), key=lambda cell: cell.id)


def _say_unverified(folders: Sequence[tuple[Path, Sequence[FinishedCell]]], say: Callable[[str], None]) -> None:
    """A line on results without a digest of their content: earlier versions wrote none, and who changes a score can remove it."""
    for root, evidence in folders:
        number = sum(not cell.result.content_digest for cell in evidence)
        if number:
            say(f"{root}: {counted(number, 'result')} unverified: without a digest, a changed score is not noticed")


def _outcome(cell: FinishedCell) -> object:
    """Weights digest or scores: two computations of a cell are compared by them."""
    result = cell.result
    return result.weights_digest if isinstance(result, TrainingResult) else cell.evaluation.scores


def _refuse_mixtures(folders: Sequence[tuple[Path, Sequence[FinishedCell]]]) -> None:
    """Raise UsageError, in one line, for the first folder that does not fit to those before it."""
    digests = dict[Images, dict[str, Path]]()
    versions = dict[str, tuple[int, Path]]()
    names = dict[tuple[str, str], tuple[str, Path]]()
    for root, evidence in folders:
        evaluations = [cell for cell in evidence if isinstance(cell.result, EvaluationResult)]
        _refuse_other_images(root, evaluations, digests)
        for cell in evaluations:
            for protocol, version in cell.evaluation.settings.protocols.items():
                other, first = versions.setdefault(protocol, (version, root))
                if other != version:
                    raise UsageError(
                        f"{root}: protocol {protocol} is version {version} here and {other} in {first}: scores of two "
                        "definitions are not mixed: score the images again with one version, or leave one of the folders out"
                    )
            _refuse_name(root, cell, names)


def _refuse_other_images(root: Path, evaluations: Iterable[FinishedCell], digests: dict[Images, dict[str, Path]]) -> None:
    """Raise UsageError if a data set has other images here than in earlier folders. A user's own folders have no common name."""
    own = dict[Images, dict[str, Path]]()
    for cell in evaluations:
        if not cell.place:
            result = cell.evaluation
            data = json.dumps(result.data.parameters, sort_keys=True)
            key: Images = (result.cell.dataset, result.settings.split, result.data.degradation, data)
            own.setdefault(key, {})[result.data.digest] = root
    for images, found in own.items():
        known = digests.setdefault(images, {})
        if known and (strange := found.keys() - known.keys()):
            digest, (other, first) = min(strange), next(iter(known.items()))
            raise UsageError(
                f"{root}: {images[0]} has other {images[1]} images here (digest {digest[:12]}) than in {first} ({other[:12]}): "
                "scores of different images are not mixed: score the same data, or leave one of the folders out"
            )
        known.update({digest: place for digest, place in found.items() if digest not in known})


def _refuse_name(root: Path, cell: FinishedCell, names: dict[tuple[str, str], tuple[str, Path]]) -> None:
    """Raise UsageError for a submission with the name of a method of the catalog, or of another folder's submission or model."""
    result = cell.evaluation
    if result.submission and is_method(cell.label):
        raise UsageError(f"{root}: a submission is called {cell.label}, as a method of the catalog: submit it under another name")
    if result.is_own and not is_method(cell.label):
        author, first = names.setdefault((cell.label, result.cell.dataset), (result.cell.code, root))
        if first != root and author != result.cell.code:
            raise UsageError(
                f"{root}: {cell.label} on {result.cell.dataset} is another method here than in {first}: submit one of them under "
                "another name"
            )
