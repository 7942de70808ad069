"""Training of SR on pairs of a random degradation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from baselines.blind_synthetic.settings import BlindSyntheticSettings
from benchmarks.api.image import Image
from benchmarks.degradations.bsrgan import BSRGAN
from benchmarks.degradations.first_order import FirstOrder
from benchmarks.degradations.operator import Degradation
from benchmarks.degradations.real_esrgan import RealESRGAN
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import Pairs, PairStage, clean_pairs
from benchmarks.training.stage import Context


class BlindSyntheticStage(PairStage):
    """Fine-tuning of the stage ``edsr`` on a pool of synthetic pairs with the L1 loss, in the schedule of ``edsr-paired``.

    The pool is made before the first step, or the first after a resumption, of a seed that is drawn here from the random state of
    the stage: a resumed training has the same pairs, and so has each of several processes.
    """

    def __init__(self, settings: BlindSyntheticSettings, context: Context) -> None:
        super().__init__(settings.training, trained_edsr(context.needs["edsr"]), clean_pairs(context.data), context)
        self.settings, self.context = settings, context
        self.pool_seed = int(torch.randint(2**31 - 1, (), generator=context.generator))
        self.has_pool = False

    def draw_pairs(self) -> tuple[Tensor, Tensor]:
        """Draw a batch from the pool: LR ``(N, 3, P, P)`` and HR ``(N, 3, scale * P, scale * P)`` float32."""
        self._make_pool()
        return self.sampler.draw_pairs()

    def enlarge_batch(self) -> tuple[Tensor, Tensor]:
        """Enlarge the next batch of the pool. Returns SR(lr) and hr, ``(N, 3, scale * P, scale * P)`` float32."""
        self._make_pool()
        return super().enlarge_batch()

    def _make_pool(self) -> None:
        """Put the pool in place of the images of Y and Z, which the sampler of a new stage has."""
        if not self.has_pool:
            pool = synthetic_pairs(self.settings, self.context.data.z(), self.context.scale, self.pool_seed)
            self.sampler = self.context.sampler(self.training, *pool)
            self.has_pool = True


def synthetic_pairs(settings: BlindSyntheticSettings, images: Sequence[Image], scale: int, seed: int) -> Pairs:
    """Draw HR patches of images and degrade each with strengths of its own.

    Args:
        settings: degradation model, number of pairs and size of patches.
        images: HR images, no smaller than a patch.
        scale: HR pixels per LR pixel.
        seed: of all random numbers.

    Returns:
        LR patches ``(P, P, 3)`` and HR patches ``(scale * P, scale * P, 3)``, uint8 RGB, ``settings.pool`` of each.
    """
    generator, operator = torch.Generator().manual_seed(seed), _operator(settings, seed)
    hr = [_random_patch(images, scale * settings.training.patch_size, generator) for _ in range(settings.pool)]
    return [operator.degrade(patch, scale, str(index)) for index, patch in enumerate(hr)], hr


def _random_patch(images: Sequence[Image], side: int, generator: torch.Generator) -> Image:
    """A copy of a random square of a random image; images are as likely as each other. The sampler mirrors and turns it later."""
    share, top, left = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    image = images[int(share * len(images))]
    first_row, first_column = int(top * (image.shape[0] - side + 1)), int(left * (image.shape[1] - side + 1))
    return image[first_row : first_row + side, first_column : first_column + side].copy()


def _operator(settings: BlindSyntheticSettings, seed: int) -> Degradation:
    if settings.degradation == "first-order":
        return FirstOrder(seed=seed)
    operator = RealESRGAN(seed=seed) if settings.degradation == "real-esrgan" else BSRGAN(seed=seed)
    return replace(operator, jpeg=settings.jpeg)
