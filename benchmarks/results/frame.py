"""Scores of result files as a tidy pandas frame."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.errors import UsageError
from benchmarks.results.files import read_results
from benchmarks.results.layout import result_files
from benchmarks.results.record import EvaluationResult

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("dataset", "split", "profile", "method", "seed", "image", "photograph"),
    *("protocol", "metric", "value", "cell", "finished_at"),
)


def results(folder: str | Path = "runs") -> pandas.DataFrame:
    """Every score of the finished evaluations in a results folder, at full precision.

    Args:
        folder: results folder of a run, or of ``benchmark``.

    Returns:
        A tidy frame with a row for each image, protocol, metric, method and seed. Its columns: ``dataset``, ``split``,
        ``profile``, ``method``, ``seed`` (``Int64``; missing for methods without training), ``image``, ``photograph`` (that the
        image shows), ``protocol``, ``metric``, ``value``, ``cell`` (its id) and ``finished_at``. Evaluations that were computed
        again with other settings have rows of their own, with another ``cell``.

    Raises:
        UsageError: the folder has no results, or none that can be read. One corrupt file among others is a warning.

    Examples:
        >>> from benchmarks import results
        >>> frame = results("runs")
        >>> psnr = frame[(frame.metric == "psnr") & (frame.protocol == "rgb")]
        >>> sorted(psnr.groupby("method").value.mean().round(1).items())
        [('bicubic', 21.2), ('nearest', 20.7)]
    """
    import pandas

    paths = result_files(Path(folder))
    if not paths:
        raise UsageError(f"{folder}: no results here: give the results folder of a run, or run python -m benchmarks.run first")
    rows = [
        (
            *(result.cell.dataset, result.settings.split, result.profile, result.cell.label, result.cell.seed),
            *(image, result.groups.get(image, image), protocol, metric, value, result.cell.id, result.finished_at),
        )
        for _, result in read_results(paths, warnings.warn)
        if isinstance(result, EvaluationResult)
        for protocol, metrics in result.scores.items()
        for metric, column in metrics.items()
        for image, value in column.items()
    ]
    frame = pandas.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"seed": "Int64", "value": "float64"})
