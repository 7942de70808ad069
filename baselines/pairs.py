"""What every method trained on pairs shares: one network, batches of LR and HR patches, one pixel loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from benchmarks.data.decode import Image
from benchmarks.data.images import DataSpec
from benchmarks.data.sampler import PatchSampler
from benchmarks.settings import TrainingSettings
from benchmarks.training import Context, Stage, descend

Pairs = tuple[Sequence[Image], Sequence[Image]]


def clean_pairs(data: DataSpec) -> Pairs:
    """Bicubic LR against HR, Y and Z: what an unsupervised setting allows."""
    return data.y_images(), data.z_images()


def degraded_pairs(data: DataSpec) -> Pairs:
    """Degraded LR against HR: only for supervised upper references."""
    pairs = data.training_pairs()
    return [pair.lr for pair in pairs], [pair.hr for pair in pairs]


def pair_sampler(pairs: Pairs, training: TrainingSettings, context: Context) -> PatchSampler:
    """Matching LR and HR patches, augmented alike."""
    lr, hr = pairs
    return PatchSampler(
        lr, paired=hr, patch_size=training.patch_size, batch_size=training.batch_size, generator=context.generator
    )


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
        self.sampler = pair_sampler(pairs, training, context)

    @abstractmethod
    def loss(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """The pixel loss by its name; ``sr`` and ``hr`` are ``(N, 3, H, W)`` float32."""

    def step(self, index: int) -> dict[str, Tensor]:
        """One step on the pixel loss of SR(lr) and hr."""
        lr, hr = self.sampler.draw_pairs()
        with self.mixed_precision():
            sr = self.networks["sr"](lr).float()
        ((name, loss),) = self.loss(sr, hr).items()
        descend(self.optimizers["sr"], loss)
        self.last = lr, sr
        return {name: loss.detach()}

    def probe(self) -> tuple[Tensor, Tensor]:
        """The last LR batch and its SR."""
        return self.last
