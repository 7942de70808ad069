"""Training of SR on clean LR images with noise of X."""

from __future__ import annotations

from baselines.noise_injection.blur import blurred_lr, fitted_width
from baselines.noise_injection.noise_pool import NoisePool, quiet_windows
from baselines.noise_injection.settings import NoiseInjectionSettings
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pair_source import SourcedPairStage
from benchmarks.training.pairs import Pairs, clean_pairs
from benchmarks.training.stage import Context, StageImages


class NoiseInjectionStage(SourcedPairStage):
    """Fine-tuning of the stage ``edsr`` on (y + noise of X, z) with the L1 loss.

    The published loss adds perceptual and adversarial terms; L1 alone is the form whose PSNR can be compared.
    """

    def __init__(self, settings: NoiseInjectionSettings, context: Context) -> None:
        pool = NoisePool(context.data.x(), settings)
        pairs = blurred_pairs(settings, context.data) if settings.fitted_blur else clean_pairs(context.data)
        super().__init__(settings.training, trained_edsr(context.needs["edsr"]), pairs, pool, context)


def blurred_pairs(settings: NoiseInjectionSettings, data: StageImages) -> Pairs:
    """LR images of Z that are as blurred as X, and Z."""
    x, side = data.x(), settings.training.patch_size
    width = fitted_width(x, data.y(), quiet_windows(x, side, settings), side)
    return blurred_lr(data.z(), width, data.scale), data.z()
