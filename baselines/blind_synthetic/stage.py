"""Training of SR on pairs of a random degradation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from baselines.blind_synthetic.settings import BlindSyntheticSettings
from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.degradations.bsrgan import BSRGAN
from benchmarks.degradations.first_order import FirstOrder
from benchmarks.degradations.operator import Degradation
from benchmarks.degradations.real_esrgan import RealESRGAN
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import Pairs, PairStage
from benchmarks.training.stage import Context


class BlindSyntheticStage(PairStage):
    """Fine-tuning of the stage ``edsr`` on a pool of synthetic pairs with the L1 loss, in the schedule of ``edsr-paired``."""

    def __init__(self, settings: BlindSyntheticSettings, context: Context) -> None:
        network = trained_edsr(context.needs["edsr"])
        super().__init__(settings.training, network, synthetic_pairs(settings, context), context)


def synthetic_pairs(settings: BlindSyntheticSettings, context: Context) -> Pairs:
    """Draw HR patches of Z and degrade each with strengths of its own.

    The random numbers follow from the random state of the stage: a resumed training makes the same pairs, and so does each of
    several processes.

    Returns:
        LR patches ``(P, P, 3)`` and HR patches ``(scale * P, scale * P, 3)``, uint8 RGB, ``settings.pool`` of each.
    """
    side = settings.training.patch_size
    images = _large_enough(context.data.z(), side, context.scale)
    operator = _operator(settings, int(torch.randint(2**31 - 1, (), generator=context.generator)))
    hr = [_random_patch(images, context.scale * side, context.generator) for _ in range(settings.pool)]
    return [operator.degrade(patch, context.scale, str(index)) for index, patch in enumerate(hr)], hr


def _large_enough(images: Sequence[Image], patch_size: int, scale: int) -> Sequence[Image]:
    smallest = min(min(image.shape[:2]) for image in images) // scale
    if smallest < patch_size:
        mend = f"lower it with --set 'stages.*.training.patch_size={smallest}', or leave small images out"
        raise UsageError(f"patch_size {patch_size} is larger than the smallest training image ({smallest} LR pixels): {mend}")
    return images


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
