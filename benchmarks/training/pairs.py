"""Training on pairs: batches of LR and HR patches, one pixel loss."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.api.image import Image
from benchmarks.api.settings import TrainingSettings
from benchmarks.training.stage import Context, Stage, StageImages, descend, detached, total

Pairs = tuple[Sequence[Image], Sequence[Image]]  # LR and HR images in the same order


def clean_pairs(data: StageImages) -> Pairs:
    """Bicubic LR images and HR images (Y and Z): the pairs that an unsupervised setting allows."""
    return data.y(), data.z()


def degraded_pairs(data: StageImages) -> Pairs:
    """Degraded LR images and HR images, for supervised upper references only."""
    pairs = data.pairs()
    return [pair.lr for pair in pairs], [pair.hr for pair in pairs]


class PairStage(Stage):
    """Training of a network ``sr`` on a pixel loss of pairs; its moving average is saved.

    Args:
        training: the schedule.
        network: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1].
        pairs: LR and HR images.
        context: inputs of the stage, with the random state of the sampler.
    """

    averaged = ("sr",)

    def __init__(self, training: TrainingSettings, network: nn.Module, pairs: Pairs, context: Context) -> None:
        super().__init__(training)
        self.networks = {"sr": network}
        self.learning_rates = {"sr": training.learning_rate}
        self.optimizers = {"sr": self.adam("sr", learning_rate=training.learning_rate)}
        self.sampler = context.sampler(training, *pairs)

    def loss(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Pixel loss by its name, here the mean absolute error; ``sr`` and ``hr`` are ``(N, 3, H, W)`` float32."""
        return {"l1": functional.l1_loss(sr, hr)}

    def enlarge_batch(self) -> tuple[Tensor, Tensor]:
        """Enlarge the next batch of pairs. Returns SR(lr) and hr, ``(N, 3, scale * P, scale * P)`` float32."""
        lr, hr = self.sampler.draw_pairs()
        with self.mixed_precision():
            sr: Tensor = self.networks["sr"](lr).float()
        self.last = lr, sr
        return sr, hr

    def step(self, index: int) -> dict[str, Tensor]:
        """Update SR on the pixel loss of a batch."""
        terms = self.loss(*self.enlarge_batch())
        descend(self.optimizers["sr"], total(terms))
        return detached(terms)

    def probe(self) -> tuple[Tensor, Tensor]:
        """Last LR batch and its SR images."""
        return self.last
