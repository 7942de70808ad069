"""Submissions: folders of SR images that were made elsewhere, scored on a data set and stored as results."""

from __future__ import annotations

import getpass
import hashlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.core.errors import UsageError
from benchmarks.core.files import hash_file
from benchmarks.core.text import counted
from benchmarks.data.matching import images, some
from benchmarks.data.pixels.decode import decode
from benchmarks.data.resemblance import exchanged, in_words, thumbnail, unlike
from benchmarks.public.model import NAME, evaluation_cells
from benchmarks.results.submission import CODE, Submission, SubmissionCard

if TYPE_CHECKING:
    from benchmarks.api.image import Image, Pair
    from benchmarks.catalog.profiles import Profile
    from benchmarks.execution.workspace import Workspace
    from benchmarks.planning.cells import Cell
    from benchmarks.results.record import EvaluationResult, EvaluationSettings

EXPLORATORY = "images made elsewhere: code and training are not recorded"


@dataclass(frozen=True)
class Submitted:
    """SR images of a method for the test images of a data set.

    Attributes:
        name: name of the method.
        card: the authors' description.
        paths: image files by name of the test image, in the order of the data set.
        cell: evaluation cell with the data set.
        settings: protocols and metrics.
    """

    name: str
    card: SubmissionCard
    paths: Mapping[str, Path]
    cell: Cell
    settings: EvaluationSettings


@dataclass(frozen=True)
class Stored:
    """A submission that was scored.

    Attributes:
        result: the stored result.
        folder: its folder.
    """

    result: EvaluationResult
    folder: Path


def find_images(
    folder: Path,
    name: str,
    dataset: str | Path,
    profile: Profile,
    *,
    suffix: str = "",
    seed: int | None = None,
    card: SubmissionCard | None = None,
) -> Submitted:
    """Find the SR image of every test image of a data set. No image is decoded but those of the data set.

    Args:
        folder: SR images, which have the names of the test images.
        name: name of the method.
        dataset: name of a data set, or a folder of HR images.
        profile: protocols, metrics, and the degradation of data sets without LR images of their own.
        suffix: end of the files' names, before the extension.
        seed: of the training, if several trainings are submitted.
        card: the authors' description.

    Raises:
        UsageError: the name is taken or none, the data set is not prepared or has no ground truth, or files are missing or too
            many.
    """
    from benchmarks.catalog.methods import is_method
    from benchmarks.results.record import EvaluationSettings

    if not NAME.fullmatch(name):
        raise UsageError(f"--method {name!a:.80}: give a name of letters, digits and . _ + -, 60 at most")
    if is_method(name):
        raise UsageError(f"--method {name}: the catalog's own method has this name: give another, such as {name}-official")
    (like,) = evaluation_cells(profile, ["bicubic"], dataset, "test")
    names = like.data.images.names("test")
    paths = images(folder, suffix, "check the path and --sr-suffix")
    missing, others = [each for each in names if each not in paths], sorted(paths.keys() - set(names))
    if missing or others:
        parts = [f"no image for {len(missing)} of {counted(len(names), 'test image')} ({some(missing)})"] if missing else []
        parts += [f"{counted(len(others), 'image')} of other names ({some(others)})"] if others else []
        form = f"files have the names of the images of {like.dataset}, each once; an end that all share is given with --sr-suffix"
        raise UsageError(f"{folder}: {', '.join(parts)}: {form}")
    if not isinstance(like.settings, EvaluationSettings):
        raise TypeError(f"{like} is no evaluation")
    settings = replace(like.settings, tile=0, weights={}, sanity=())
    cell = replace(like, label=name, seed=seed, settings=settings, needs={}, sources={}, exploratory=EXPLORATORY)
    return Submitted(name, card or SubmissionCard(), {each: paths[each] for each in names}, cell, settings)


def check_images(submitted: Submitted) -> list[str]:
    """Remarks on images that are no more like their ground truths than a plain colour is.

    Raises:
        UsageError: an image cannot be decoded, has another size than its ground truth, is the ground truth itself, or resembles
            another ground truth more than its own.
    """
    paths, pairs = submitted.paths, submitted.cell.data.images.pairs("test")
    results, truths, same = {}, {}, []
    for pair in pairs:
        sr, hr = _load(paths[pair.name], pair)
        results[pair.name], truths[pair.name] = thumbnail(sr), thumbnail(hr)
        same += [pair.name] if np.array_equal(sr, hr) else []
    if same:
        raise UsageError(f"{len(same)} of {len(pairs)} images are their ground truths ({some(same)}): give results of a method")
    if others := exchanged(results, truths):
        raise UsageError(
            f"{len(others)} of {len(pairs)} images resemble another ground truth than their own ({some(in_words(others))}): "
            "names are exchanged: rename them"
        )
    strangers = unlike(results, truths)
    about = f"{len(strangers)} of {len(pairs)} images are no more like their ground truths than a plain colour is"
    return [f"{about} ({some(strangers)})"] if strangers else []


def score_images(
    submitted: Submitted, workspace: Workspace, threads: int, report: Callable[[int, int], None] = lambda done, of: None
) -> Stored:
    """Score submitted images and store the result.

    Args:
        submitted: images and data set.
        workspace: results folder.
        threads: images scored at a time; no number depends on it.
        report: called with the number of images done and the number of all.

    Raises:
        UsageError: an image cannot be decoded, or does not suit a protocol; the folder has scores of the method under other
            protocols, which would stand beside these as a second method. Nothing is stored.
    """
    from benchmarks.catalog.metrics import get_metric
    from benchmarks.catalog.protocols import get_protocol
    from benchmarks.execution.compute import evaluation_result, store
    from benchmarks.scoring.contrast import without_contrast
    from benchmarks.scoring.evaluation import Evaluation
    from benchmarks.scoring.pairs import Scorer

    _refuse_second(submitted, workspace)
    started, settings = time.monotonic(), submitted.settings
    pairs = submitted.cell.data.images.pairs("test")
    metrics = [get_metric(metric) for metric in settings.metrics]
    scorer = Scorer([get_protocol(protocol) for protocol in settings.protocols], metrics, threads=threads)
    scored = scorer.score({pair.name: partial(_load, submitted.paths[pair.name], pair) for pair in pairs}, report)
    digests = {name: hash_file(path).hexdigest() for name, path in submitted.paths.items()}
    together = hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in digests.items()).encode()).hexdigest()
    cell = replace(submitted.cell, code=f"{CODE}{together}")
    samples = {pair.name: _load(submitted.paths[pair.name], pair)[0] for pair in _samples(pairs)}
    evaluation = Evaluation(scored, samples, tuple(without_contrast(pairs)))
    result, files = evaluation_result(cell, evaluation, {})
    origin = Submission(submitted.card, f"{_user()} on {platform.node()}", digests)
    result = store(cell, replace(result, submission=origin), files, workspace, time.monotonic() - started)
    return Stored(result, workspace.folder(cell))


def _refuse_second(submitted: Submitted, workspace: Workspace) -> None:
    """Raise UsageError if the folder has a submission of the method for the same data with other protocols or metrics."""
    from benchmarks.results.files import read_result
    from benchmarks.results.layout import result_files
    from benchmarks.results.record import EvaluationResult

    cell, settings = submitted.cell, submitted.settings
    for path in result_files(workspace.root, f"evaluate-{submitted.name}"):
        other = read_result(path)
        if not isinstance(other, EvaluationResult) or other.submission is None or other.cell.label != submitted.name:
            continue
        same = (other.cell.dataset, other.cell.seed, other.data.digest) == (cell.dataset, cell.seed, cell.data.digest("test"))
        pairs = ((other.settings.protocols, settings.protocols), (other.settings.metrics, settings.metrics))
        if same and any(there.keys() != here.keys() for there, here in pairs):
            protocols = ", ".join(other.settings.protocols)
            raise UsageError(
                f"{path.parent}: {submitted.name} on {cell.dataset} is there under other protocols or metrics ({protocols}): "
                "remove that folder, or give another --output"
            )


def _samples(pairs: Sequence[Pair]) -> list[Pair]:
    from benchmarks.results.layout import sample_names

    names = sample_names([pair.name for pair in pairs])
    return [pair for pair in pairs if pair.name in names]


def _load(path: Path, pair: Pair) -> tuple[Image, Image]:
    """SR and HR image. Raises UsageError where the file cannot be decoded, or has another size."""
    sr = decode(path, f"{pair.name}: the image", "write it again")
    if sr.shape != pair.hr.shape:
        sizes = f"{sr.shape[1]}x{sr.shape[0]} pixels, the ground truth {pair.hr.shape[1]}x{pair.hr.shape[0]}"
        raise UsageError(f"{pair.name}: the image has {sizes} ({path}): sizes must be equal: nothing is cropped or resized")
    return sr, pair.hr


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, in containers
        return "an unnamed user"
