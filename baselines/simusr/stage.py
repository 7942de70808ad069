"""Training of SR on the LR images of X."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baselines.classical.bm3d import denoise
from baselines.classical.noise import noise_level, subsampled_noise_level
from baselines.simusr.settings import SimUSRSettings
from benchmarks.api.image import Image
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.rounding import to_uint8
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pairs import Pairs, PairStage
from benchmarks.training.stage import Context

ESTIMATES = {"bm3d": noise_level, "bm3d-correlated": subsampled_noise_level}


class SimUSRStage(PairStage):
    """Fine-tuning of the stage ``edsr`` on (bicubic(t), t), t = denoised x, with the L1 loss."""

    def __init__(self, settings: SimUSRSettings, context: Context) -> None:
        pairs = reduced_pairs([denoised(image, settings) for image in context.data.x()], context.scale)
        super().__init__(settings.training, trained_edsr(context.needs["edsr"]), pairs, context)


def denoised(image: Image, settings: SimUSRSettings) -> Image:
    """Denoise a LR image ``(h, w, 3)`` uint8, rounded to 8 bits. Raises UsageError as ``bm3d.denoise`` does."""
    if settings.denoiser == "none":
        return image
    pixels = np.divide(image, np.float32(255), dtype=np.float32)
    level = ESTIMATES[settings.denoiser](pixels)
    return to_uint8(255.0 * denoise(pixels, level)) if level else image


def reduced_pairs(images: Sequence[Image], scale: int) -> Pairs:
    """Bicubic downscales of images, and the images, cut at the lower right to multiples of the scale."""
    hr = [image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale] for image in images]
    return [Bicubic().degrade(image, scale, "") for image in hr], hr
