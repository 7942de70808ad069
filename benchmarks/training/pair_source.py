"""Training of SR on pairs that a method makes: HR patches are cut from images, their LR patches are made in every step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from benchmarks.api.settings import TrainingSettings
from benchmarks.core.device import device
from benchmarks.data.pixels.patches import to_device
from benchmarks.training.distributed import own_share
from benchmarks.training.pairs import Pairs, PairStage
from benchmarks.training.stage import Context


class BatchDraws:
    """Random numbers for the patches of a batch, from the random state of the stage: a resumed training draws the same ones.

    Several processes draw the numbers of the whole batch each, and keep those of their own patches.

    Args:
        generator: random state of the stage, which checkpoints keep.
        batch_size: patches in the whole batch.
    """

    def __init__(self, generator: torch.Generator, batch_size: int) -> None:
        self._generator, self._batch_size, self._share = generator, batch_size, own_share(batch_size)

    def uniform(self, count: int) -> Tensor:
        """Uniform numbers in [0, 1), ``count`` for each patch of this process: ``(N, count)`` float64, on the CPU."""
        return torch.rand((self._batch_size, count), generator=self._generator, dtype=torch.float64)[self._share]

    def normal(self, channels: int, height: int, width: int) -> Tensor:
        """Standard normal noise ``(N, channels, height, width)`` float32, on the device, in channels-last memory."""
        noise = torch.randn((self._batch_size, height, width, channels), generator=self._generator)
        return to_device(noise[self._share], device()).permute(0, 3, 1, 2)


class PairSource(Protocol):
    """Maker of training pairs: noise added to clean LR patches, a synthetic degradation, a generator."""

    def __call__(self, lr: Tensor, hr: Tensor, draws: BatchDraws) -> tuple[Tensor, Tensor]:
        """Make the pairs of a step; no gradients are recorded.

        Args:
            lr: LR patches of the sampler, ``(N, 3, P, P)`` float32 in [0, 1].
            hr: their HR patches, ``(N, 3, scale * P, scale * P)``.
            draws: the only source of random numbers.

        Returns:
            LR patches as a degraded camera would see them, and HR patches to be learned, in the shapes of ``lr`` and ``hr``.
        """
        ...


class SourcedPairStage(PairStage):
    """Training of a network ``sr`` on the pixel loss of pairs that a source makes of the sampler's.

    Args:
        training: the schedule.
        network: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1].
        pairs: LR and HR images that the sampler cuts patches from.
        source: maker of the pairs.
        context: inputs of the stage, with the random state of sampler and source.
    """

    def __init__(
        self, training: TrainingSettings, network: nn.Module, pairs: Pairs, source: PairSource, context: Context
    ) -> None:
        super().__init__(training, network, pairs, context)
        self.source = source
        self.draws = BatchDraws(context.generator, training.batch_size)

    @torch.no_grad()
    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """Make the next batch: LR ``(N, 3, P, P)`` and HR ``(N, 3, scale * P, scale * P)`` float32."""
        return self.source(*self.sampler.draw_pairs(), self.draws)

    def enlarge_batch(self) -> tuple[Tensor, Tensor]:
        """Enlarge the next batch of made pairs. Returns SR(lr) and hr, ``(N, 3, scale * P, scale * P)`` float32."""
        lr, hr = self.draw_pairs()
        with self.mixed_precision():
            sr: Tensor = self.networks["sr"](lr).float()
        self.last = lr, sr
        return sr, hr
