"""EDSR (Lim et al., CVPRW 2017), trained on clean bicubic pairs: supervised on Y -> Z, blind to the degradation.

The network is BasicSR's. CinCGAN's SR network starts from these weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.pairs import NetworkMethod, PairStage, clean_pairs, degraded_pairs
from baselines.settings import EDSRSettings
from benchmarks.basicsr_adapter import edsr_network
from benchmarks.settings import PlainSettings
from benchmarks.training import Context, TrainedStage

RGB_MEAN = (0.4488, 0.4371, 0.4040)  # of DIV2K, which the network adds to its output


class EDSRNetwork(nn.Module):
    """BasicSR's EDSR, x ``scale``; with 32 blocks x 256 channels 43,089,923 parameters, with 16 x 64 1,517,571."""

    mean: Tensor

    def __init__(self, settings: EDSRSettings, scale: int) -> None:
        super().__init__()
        self.scale, self.global_skip = scale, settings.global_skip
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.net = edsr_network(channels=settings.channels, blocks=settings.blocks, res_scale=settings.res_scale, scale=scale)
        if settings.global_skip:
            for parameter in self.net.get_submodule("conv_last").parameters():
                nn.init.zeros_(parameter)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        out: Tensor = self.net(lr)
        if self.global_skip:
            upscaled = functional.interpolate(lr.float(), scale_factor=self.scale, mode="bicubic", align_corners=False)
            out = out - self.mean.to(out) + upscaled
        return out


class EDSRStage(PairStage):
    """Pre-training on Y -> Z with the L1 loss, as published."""

    def __init__(self, settings: EDSRSettings, context: Context) -> None:
        super().__init__(settings.training, EDSRNetwork(settings, context.scale), clean_pairs(context.data), context)


class PairedEDSRStage(PairStage):
    """Fine-tuning of the stage ``edsr`` on degraded pairs: EDSR+ of the paper's table 1."""

    def __init__(self, settings: PlainSettings, context: Context) -> None:
        super().__init__(settings.training, sr_network(context.needs["edsr"]), degraded_pairs(context.data), context)


class EDSR(NetworkMethod):
    """A trained EDSR, or EDSR+."""

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> EDSR:
        """The network of the last stage given, with the size that ``edsr`` has."""
        return cls(sr_network(stages["edsr"], stages.get("edsr-paired", stages["edsr"]).weights["sr"]), scale)


def sr_network(stage: TrainedStage, weights: Mapping[str, Tensor] | None = None) -> EDSRNetwork:
    """A network as the stage ``edsr`` has it, with that stage's weights or with later ones."""
    network = EDSRNetwork(stage.settings, stage.scale)
    network.load_state_dict(stage.weights["sr"] if weights is None else weights)
    return network
