"""Weights of ImageNet trunks (AlexNet, VGG), from files of a package index or of torchvision."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    import torch


def trunk_state(path: Path, convolutions: Sequence[str]) -> dict[str, torch.Tensor]:
    """Weights of the first convolutions of an ImageNet trunk, as a state dict.

    Args:
        path: torchvision's ``.pth``, or a ``.ckpt`` of plain arrays with the same values.
        convolutions: names of the convolutions in the state dict, in the order of the trunk; the file may have more.

    Raises:
        UsageError: the file does not hold such a trunk.
    """
    try:
        weights = _torchvision_layers(path) if path.suffix == ".pth" else _array_layers(path)
        pairs = {name: (pair[0].float(), pair[1].float()) for name, pair in zip(convolutions, weights, strict=False)}
    except Exception as error:  # loaders raise all kinds of errors on broken and foreign files
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:160]
        raise UsageError(f"{path}: holds no ImageNet trunk ({reason}): delete it to have it fetched again") from error
    if len(pairs) < len(convolutions):
        raise UsageError(f"{path}: has {len(pairs)} convolutions of {len(convolutions)}: delete it to have it fetched again")
    state = {f"{name}.weight": weight for name, (weight, _) in pairs.items()}
    return state | {f"{name}.bias": bias for name, (_, bias) in pairs.items()}


def _torchvision_layers(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight ``(O, I, H, W)`` and bias ``(O,)`` of each convolution of torchvision's ``features``, in order."""
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    names = [name.removesuffix(".weight") for name in state if name.startswith("features.") and name.endswith(".weight")]
    return [(state[f"{name}.weight"], state[f"{name}.bias"]) for name in sorted(names, key=lambda name: int(name.split(".")[1]))]


def _array_layers(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight ``(O, I, H, W)`` and bias ``(O,)`` of arrays ``Conv_0``, ``Conv_1`` … with kernels ``(H, W, I, O)``."""
    import torch

    (layers,) = (layers for name, layers in read_arrays(path).items() if not name.startswith("NetLinLayer"))
    ordered = [layers[name] for name in sorted(layers, key=lambda name: int(name.removeprefix("Conv_")))]
    return [
        (torch.from_numpy(layer["kernel"].transpose(3, 2, 0, 1).copy()), torch.from_numpy(layer["bias"].copy()))
        for layer in ordered
    ]


def read_arrays(path: Path) -> dict[str, Any]:
    """Read a pickle of nested dicts of numpy arrays. No code that the file names can run.

    Raises:
        pickle.UnpicklingError: the file names anything beside the functions that rebuild numpy arrays.
    """
    with path.open("rb") as file:
        content: dict[str, Any] = _ArraysOnly(file).load()
    return content


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        import numpy as np

        rebuild = np.ndarray(0).__reduce__()[0]
        allowed: dict[tuple[str, str], Any] = {
            ("numpy.core.multiarray", "_reconstruct"): rebuild,  # as numpy 1 wrote it
            ("numpy._core.multiarray", "_reconstruct"): rebuild,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"refused: the file names {module}.{name}, and only numpy arrays are read")
        return allowed[module, name]
