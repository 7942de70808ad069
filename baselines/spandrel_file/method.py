"""Checkpoints of spandrel's networks as methods. Only tensors are read of a file: nothing that it says is executed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.core.device import device
from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

RGB = 3


class Checkpoint:
    """A file of weights, in the place of a method's class: ``from_stages`` builds its network.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def from_stages(self, stages: Mapping[str, TrainedStage], scale: int) -> SpandrelMethod:
        """Build the method; there are no trained stages.

        Raises:
            UsageError: the file cannot be read, holds no network that spandrel recognises, or one of another scale.
        """
        method = SpandrelMethod(load(self.path))
        if method.scale != scale:
            wrong = f"its network enlarges x{method.scale}, the data set has x{scale}"
            raise UsageError(f"{self.path}: {wrong}: leave it out with --methods")
        return method

    def scale(self) -> int:
        """HR pixels per LR pixel. Raises UsageError as ``from_stages`` does."""
        return SpandrelMethod(load(self.path)).scale


class SpandrelMethod:
    """A network that spandrel has recognised. Size needs are met by spandrel, which pads images and cuts the results.

    Args:
        model: spandrel's descriptor of the network.
    """

    def __init__(self, model: ImageModelDescriptor[Any]) -> None:
        self._model = model
        self.scale: int = model.scale
        model.model.float().eval().requires_grad_(False).to(device())

    @property
    def descriptor(self) -> Descriptor:
        """Scale, size needs, and whether tiles are as good as whole images. Spandrel states no receptive field."""
        from spandrel import ModelTiling

        may_tile = self._model.tiling is ModelTiling.SUPPORTED
        return Descriptor(self.scale, None, self._model.size_requirements.multiple_of, tiles=may_tile)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, scale * h, scale * w)``, clipped by spandrel."""
        check_input(lr)
        return torch.cat([self._model(image[None]) for image in lr])


def load(path: Path) -> ImageModelDescriptor[Any]:
    """Read a checkpoint, ``.safetensors`` or a file of ``torch.save`` with tensors alone, and build its network.

    Raises:
        UsageError: spandrel is not installed; the file cannot be read, holds objects other than tensors, or no network that
            spandrel recognises, or one that does not turn RGB images into RGB images.
    """
    try:
        from spandrel import ImageModelDescriptor, ModelLoader
    except ModuleNotFoundError as error:
        mend = "pip install 'cincgan-benchmark[spandrel]'"
        raise UsageError(f"{path}: the Python package '{error.name}' is not installed: {mend}") from error
    state = _read(path)
    try:
        model = ModelLoader().load_from_state_dict(state)
    except Exception as error:  # UnsupportedModelError, or what an architecture makes of tensors that are not its own
        mend = "give a file of one of the networks that spandrel's page lists"
        raise UsageError(f"{path}: spandrel recognises no network in it ({type(error).__name__}): {mend}") from error
    if not isinstance(model, ImageModelDescriptor) or (model.input_channels, model.output_channels) != (RGB, RGB):
        kind = f"{model.architecture.name} ({model.purpose}, {model.input_channels} to {model.output_channels} channels)"
        raise UsageError(f"{path}: {kind} does not turn RGB images into RGB images: give another file")
    return model


def _read(path: Path) -> dict[str, Any]:
    """Tensors of a checkpoint, by name or nested. Raises UsageError if it cannot be read safely."""
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TorchScript, which is refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error}): name another file") from error
    except Exception as error:  # of files that are no checkpoints, torch raises a dozen classes
        mend = "give a .safetensors file, or a file of torch.save with tensors alone"
        raise UsageError(f"{path}: no checkpoint that can be read safely ({type(error).__name__}): {mend}") from error
    if not isinstance(state, dict):
        raise UsageError(f"{path}: holds {type(state).__name__}, no tensors by name: give a file of a network's state dict")
    return state
