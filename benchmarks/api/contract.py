"""The contract of methods, stages, protocols and metrics: checks of their inputs and outputs. Nothing is converted silently.

Errors name what was expected and what was returned, in one line.
"""

from __future__ import annotations

import math
import numbers
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.api.method import Descriptor
from benchmarks.core.errors import BenchmarkError, Unexpected, UsageError, missing_prerequisite
from benchmarks.core.interruption import is_foreign_exit

if TYPE_CHECKING:
    from torch import Tensor

LOWEST, HIGHEST = -1.0, 2.0  # values beyond are far outside of [0, 1], which networks overshoot by less
FEW = 0.1  # share of an output's values that may be far outside


@contextmanager
def named_errors(what: str) -> Iterator[None]:
    """Inside the block unexpected exceptions, ``sys.exit`` too, become ``Unexpected`` errors that begin with ``what``."""
    try:
        yield
    except BaseException as error:
        ours = isinstance(error, BenchmarkError) or missing_prerequisite(error)
        if ours or not (isinstance(error, Exception) or is_foreign_exit(error)):
            raise
        trace = "".join(traceback.format_exception(error))
        raise Unexpected(f"{what}: {type(error).__name__}: {error}", trace) from error


def check_method(method: Any, scale: int) -> None:
    """Raise BenchmarkError if an object is no method with a descriptor for the scale."""
    descriptor = getattr(method, "descriptor", None)
    if not callable(method) or not isinstance(descriptor, Descriptor):
        wanted = "from_stages: expected a callable method with a descriptor"
        raise BenchmarkError(f"{wanted}, got {type(method).__name__} with descriptor {descriptor!r:.80}")
    if descriptor.scale != scale:
        raise BenchmarkError(f"descriptor: expected scale {scale}, that of the data set, got {descriptor.scale!r:.40}")
    sizes = {"multiple": descriptor.multiple}
    sizes |= {} if descriptor.receptive_field is None else {"receptive_field": descriptor.receptive_field}
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise BenchmarkError(f"descriptor: expected {name} 1 or more, a whole number, got {value!r:.40}")


def check_input(lr: Any) -> None:
    """Raise UsageError if LR images are not ``(N, 3, h, w)`` floating point in [0, 1]; a slight overshoot may be."""
    import torch

    fits = isinstance(lr, torch.Tensor) and lr.is_floating_point() and lr.ndim == 4 and lr.shape[1] == 3 and lr.numel() > 0
    if not fits or not (lr.is_meta or bool(((lr >= LOWEST) & (lr <= HIGHEST)).all())):  # NaN is not within
        raise UsageError(f"LR images: expected a float tensor (N, 3, h, w), RGB in [0, 1], got {_described(lr)}{_hint(lr)}")


def check_output(sr: Any, lr: Tensor, scale: int) -> None:
    """Raise BenchmarkError if a method's output does not fit its input.

    Args:
        sr: returned by the method; float32 or float64, most values in [0, 1]. Values that are not finite are not this check's.
        lr: ``(N, 3, h, w)``.
        scale: HR pixels per LR pixel.
    """
    import torch

    shape = (*lr.shape[:2], scale * lr.shape[2], scale * lr.shape[3])
    expected = f"output of the method: expected a float32 tensor {shape}, RGB in [0, 1]"
    fits = isinstance(sr, torch.Tensor) and sr.dtype in (torch.float32, torch.float64) and tuple(sr.shape) == shape
    if not fits or not (sr.is_meta or _share_outside(sr) <= FEW):
        raise BenchmarkError(f"{expected}, got {_described(sr)}{_hint(sr)}")


def check_stage(stage: Any) -> None:
    """Raise BenchmarkError if networks, optimisers and names of a training stage do not go together."""
    from torch import nn

    networks, optimizers = stage.networks, stage.optimizers
    if not networks or not all(isinstance(network, nn.Module) for network in networks.values()):
        raise BenchmarkError(f"stage: expected networks, modules by name, got {_kinds(networks)}")
    if optimizers.keys() - stage.learning_rates.keys():
        raise BenchmarkError(
            f"stage: expected a learning rate for each of {_names(optimizers)}, got {_names(stage.learning_rates)}"
        )
    if unknown := [name for name in stage.averaged if name not in networks]:
        raise BenchmarkError(f"stage: averaged: expected names among {_names(networks)}, got {_names(unknown)}")


def check_losses(losses: Any) -> None:
    """Raise BenchmarkError if a training step did not return scalar tensors by name."""
    import torch

    expected = "step: expected loss terms, scalar tensors by name"
    if not isinstance(losses, Mapping):
        raise BenchmarkError(f"{expected}, got {type(losses).__name__}")
    for name, loss in losses.items():
        if not isinstance(name, str) or not isinstance(loss, torch.Tensor) or loss.ndim:
            raise BenchmarkError(f"{expected}, got {name!r}: {_described(loss)}")


def check_probe(probe: Any) -> None:
    """Raise BenchmarkError if a stage's probe is not a pair of batches of images."""
    import torch

    if not (
        isinstance(probe, tuple)
        and len(probe) == 2
        and all(isinstance(images, torch.Tensor) and images.is_floating_point() and images.ndim == 4 for images in probe)
    ):
        parts = ", ".join(map(_described, probe)) if isinstance(probe, tuple) else _described(probe)
        raise BenchmarkError(f"probe: expected two float tensors, (N, 3, h, w) and (N, 3, H, W), got {parts}")


def checked_score(value: Any, what: str) -> float:
    """A score as a number. Raises BenchmarkError if it is none, or NaN."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise BenchmarkError(f"{what}: expected a number, got {_described(value)}")
    if math.isnan(value):
        raise BenchmarkError(f"{what}: expected a number, got NaN")
    return float(value)


def checked_scores(values: Any, count: int, metric: str) -> list[float]:
    """Scores of a batch as numbers; NaN is the caller's to refuse. Raises BenchmarkError if they are not ``count`` numbers."""
    expected = f"{metric}.score_batch: expected a list of {count} numbers"
    listed = values.tolist() if hasattr(values, "tolist") else values  # of tensors and arrays
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes) or len(listed) != count:
        raise BenchmarkError(f"{expected}, got {_described(values)}")
    scores = [value.item() if getattr(value, "ndim", None) == 0 else value for value in listed]
    for value in scores:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise BenchmarkError(f"{expected}, got a list with {_described(value)}")
    return [float(value) for value in scores]


def check_view(views: Any, protocol: str) -> None:
    """Raise BenchmarkError if a protocol's view is not two uint8 RGB images of one size."""
    import numpy as np

    pair = views if isinstance(views, tuple) and len(views) == 2 else ()
    if (
        not pair
        or not all(
            isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size
            for image in pair
        )
        or pair[0].shape != pair[1].shape
    ):
        parts = " and ".join(map(_described, views)) if isinstance(views, tuple) else _described(views)
        raise BenchmarkError(f"view of protocol {protocol}: expected two uint8 arrays (H, W, 3) of one size, got {parts}")


def _share_outside(values: Tensor) -> float:
    """Share of finite values far outside of [0, 1]."""
    return float((((values < LOWEST) | (values > HIGHEST)) & values.isfinite()).float().mean())


def _described(value: Any) -> str:
    """Type, shape and range of a value."""
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return (
            f"{type(value).__name__} of {len(value)}"
            if isinstance(value, list | tuple)
            else f"{type(value).__name__} {value!r:.40}"
        )
    text = f"{str(value.dtype).removeprefix('torch.')} {type(value).__name__.lower()} {tuple(value.shape)}"
    if not math.prod(value.shape) or "complex" in text:
        return text
    return f"{text} with values from {float(value.min()):.4g} to {float(value.max()):.4g}"


def _hint(value: Any) -> str:
    """Advice where values look like those of 8-bit images."""
    if not hasattr(value, "dtype") or not math.prod(value.shape) or "complex" in str(value.dtype):
        return ""
    return ": divide by 255" if HIGHEST < float(value.max()) <= 256 and float(value.min()) >= -1 else ""


def _names(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"


def _kinds(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {type(value).__name__}" for name, value in values.items()) or "none"
