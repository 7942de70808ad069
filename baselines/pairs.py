"""What methods of one network share, and those trained on pairs: batches of LR and HR patches, one pixel loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.data.decode import Image
from benchmarks.data.images import DataSpec
from benchmarks.method import Descriptor
from benchmarks.settings import TrainingSettings
from benchmarks.tiling import receptive_field
from benchmarks.training import Context, Stage, descend, detached, total

Pairs = tuple[Sequence[Image], Sequence[Image]]


def clean_pairs(data: DataSpec) -> Pairs:
    """Bicubic LR against HR, Y and Z: what an unsupervised setting allows."""
    return data.y_images(), data.z_images()


def degraded_pairs(data: DataSpec) -> Pairs:
    """Degraded LR against HR: only for supervised upper references."""
    pairs = data.training_pairs()
    return [pair.lr for pair in pairs], [pair.hr for pair in pairs]


class NetworkMethod:
    """A method that is one network: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""

    def __init__(self, network: nn.Module, scale: int) -> None:
        self.network = network.eval()
        self.scale = scale

    @property
    def descriptor(self) -> Descriptor:
        """The receptive field is what the network's layers add up to."""
        return Descriptor(self.scale, receptive_field(self.network))

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        sr: Tensor = self.network(lr)
        return sr


class PairStage(Stage):
    """Trains the network ``sr``, and saves its moving average, on a pixel loss of pairs.

    Args:
        training: schedule.
        network: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1].
        pairs: LR and HR images.
        context: whose random state the sampler draws from.
    """

    averaged = ("sr",)

    def __init__(self, training: TrainingSettings, network: nn.Module, pairs: Pairs, context: Context) -> None:
        super().__init__(training)
        self.networks = {"sr": network}
        self.learning_rates = {"sr": training.learning_rate}
        self.optimizers = {"sr": self.adam("sr", learning_rate=training.learning_rate)}
        self.sampler = context.sampler(training, *pairs)

    def loss(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """The pixel loss by its name, here the mean absolute error; ``sr`` and ``hr`` are ``(N, 3, H, W)`` float32."""
        return {"l1": functional.l1_loss(sr, hr)}

    def enlarge_batch(self) -> tuple[Tensor, Tensor]:
        """SR(lr) of the next batch of pairs, and hr."""
        lr, hr = self.sampler.draw_pairs()
        with self.mixed_precision():
            sr: Tensor = self.networks["sr"](lr).float()
        self.last = lr, sr
        return sr, hr

    def step(self, index: int) -> dict[str, Tensor]:
        """One step on the pixel loss of SR(lr) and hr."""
        terms = self.loss(*self.enlarge_batch())
        descend(self.optimizers["sr"], total(terms))
        return detached(terms)

    def probe(self) -> tuple[Tensor, Tensor]:
        """The last LR batch and its SR."""
        return self.last
