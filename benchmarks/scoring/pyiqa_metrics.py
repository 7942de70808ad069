"""Metrics of pyiqa by their names there, with pyiqa's settings and with weights that pyiqa downloads."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError, WeightsMissing

if TYPE_CHECKING:
    from benchmarks.api.image import Image

OF_SETS = ("fid", "sfid", "inception_score", "compare2score")  # metrics of sets of images, or of more than two images


class PyiqaMetric:
    """A metric of pyiqa, on the CPU in float32; full-reference or no-reference, as pyiqa declares it."""

    def __init__(self, name: str) -> None:
        """Load the metric.

        Args:
            name: a name of ``pyiqa.list_models()``.

        Raises:
            WeightsMissing: pyiqa cannot load it, most often because its weights cannot be downloaded.
        """
        import pyiqa
        import torch

        self.name = name
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # pyiqa would unpickle what it downloads
        try:
            with torch.random.fork_rng(devices=[]), redirect_stdout(io.StringIO()):
                self.metric: Any = pyiqa.create_metric(name, device=torch.device("cpu"))
        except Exception as error:  # a hundred models of as many authors raise all kinds of errors
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise WeightsMissing(
                f"metric '{name}': pyiqa cannot load it ({reason}): it downloads its weights from huggingface.co: "
                "go online once, or leave the metric out"
            ) from error

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Scores of pairs of ``(H, W, 3)`` uint8 RGB images, one after the other, since not every model takes batches.

        Raises:
            UsageError: the metric refuses an image.
        """
        return [self._score(*pair) for pair in zip(sr, hr, strict=True)]

    def _score(self, sr: Image, hr: Image) -> float:
        import torch

        from benchmarks.scoring.seeding import seeded
        from benchmarks.scoring.tensors import to_tensor

        images = [to_tensor([sr])] if self.metric.metric_mode == "NR" else [to_tensor([sr]), to_tensor([hr])]
        try:
            with seeded(sr, hr), torch.inference_mode():  # some draw patches
                return float(self.metric(*images))
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise UsageError(f"metric '{self.name}' refuses a {sr.shape[1]}x{sr.shape[0]} image ({reason})") from error


@cache
def metric_names() -> tuple[str, ...]:
    """Names of pyiqa's metrics of pairs of images or of single images."""
    import pyiqa

    return tuple(name for name in pyiqa.list_models() if not name.startswith(OF_SETS))


def higher_is_better(name: str) -> bool:
    """Direction of a metric, as pyiqa declares it."""
    from pyiqa.default_model_configs import DEFAULT_CONFIGS

    return not DEFAULT_CONFIGS[name].get("lower_better", False)
