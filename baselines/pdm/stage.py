"""Stage 2 of PDM-SR: SR learns from HR images and LR images that the modules of stage 1 make of them, anew in every step."""

from __future__ import annotations

from torch import Tensor

from baselines.pdm.network import CODE, blurred, kernel_module, noise_module
from benchmarks.api.settings import PlainSettings
from benchmarks.training.networks.edsr import trained_edsr
from benchmarks.training.pair_source import BatchDraws, SourcedPairStage
from benchmarks.training.pairs import clean_pairs
from benchmarks.training.stage import Context


class PDMStage(SourcedPairStage):
    """Fine-tuning of the stage ``edsr`` on images of the learned degradation, whose weights stay as they are."""

    def __init__(self, settings: PlainSettings, context: Context) -> None:
        network = trained_edsr(context.needs["edsr"])
        super().__init__(settings.training, network, clean_pairs(context.data), self.degrade, context)
        degradation = context.needs["pdm-degradation"]
        self.scale, self.random_kernels = context.scale, degradation.settings.random_kernels
        self.kernel, self.noise = kernel_module(degradation.settings), noise_module(degradation.settings)
        for name, module in (("kernel", self.kernel), ("noise", self.noise)):
            module.load_state_dict(degradation.weights[name])
            module.eval().requires_grad_(False)

    def degrade(self, lr: Tensor, hr: Tensor, draws: BatchDraws) -> tuple[Tensor, Tensor]:
        """Pairs of degraded LR images, rounded to 8 bits as a file would be, and HR images; a ``PairSource``."""
        kernel, noise = self.kernel.to(lr.device), self.noise.to(lr.device)
        code = draws.normal(CODE, 1, 1).to(hr.dtype) * self.random_kernels
        with self.mixed_precision():
            clean = blurred(hr, kernel(code), self.scale)
            degraded = clean + noise(clean, draws.normal(*lr.shape[1:])).float()
        return (255 * degraded).round().clamp(0, 255) / 255, hr
