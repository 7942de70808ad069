"""Training of FSRCNN."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from baselines.fsrcnn.network import FSRCNNNetwork, luma
from baselines.fsrcnn.settings import FSRCNNSettings
from benchmarks.training.pairs import PairStage, clean_pairs
from benchmarks.training.stage import Context


class FSRCNNStage(PairStage):
    """Training on Y -> Z with the mean squared error of luma, as published."""

    def __init__(self, settings: FSRCNNSettings, context: Context) -> None:
        super().__init__(settings.training, FSRCNNNetwork(settings, context.scale), clean_pairs(context.data), context)

    def loss(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Mean squared error of luma; ``sr`` and ``hr`` are ``(N, 3, H, W)`` float32."""
        return {"mse": functional.mse_loss(luma(sr), luma(hr))}
