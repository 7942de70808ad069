"""EDSR (Lim et al., CVPRW 2017), trained on clean bicubic pairs: supervised on Y -> Z, blind to the degradation.

The network is BasicSR's. CinCGAN's SR network starts from these weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.settings import EDSRSettings
from benchmarks.basicsr_adapter import edsr_network
from benchmarks.data.sampler import PatchSampler
from benchmarks.training import Context, Stage, TrainedStage, descend

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


class EDSRStage(Stage):
    """Pre-training on Y -> Z with the L1 loss, as published."""

    def __init__(self, settings: EDSRSettings, context: Context) -> None:
        super().__init__(settings.training)
        self.network = EDSRNetwork(settings, context.scale)
        self.networks = {"sr": self.network}
        self.optimizers = {"sr": self.adam("sr", learning_rate=settings.training.learning_rate)}
        self.learning_rates = {"sr": settings.training.learning_rate}
        self.averaged = ("sr",)
        self.sampler = PatchSampler(
            context.data.y_images(),
            paired=context.data.z_images(),
            patch_size=settings.training.patch_size,
            batch_size=settings.training.batch_size,
            generator=context.generator,
        )

    def step(self, index: int) -> dict[str, Tensor]:
        """One step on the L1 loss of SR(y) and z."""
        lr, hr = self.sampler.draw_pairs()
        with self.mixed_precision():
            sr = self.network(lr)
        loss = functional.l1_loss(sr.float(), hr)
        descend(self.optimizers["sr"], loss)
        self.last = lr, sr
        return {"l1": loss.detach()}

    def probe(self) -> tuple[Tensor, Tensor]:
        """The last LR batch and its SR."""
        return self.last


class EDSR:
    """A trained EDSR."""

    def __init__(self, network: EDSRNetwork) -> None:
        self.network = network.eval()

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        sr: Tensor = self.network(lr)
        return sr

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> EDSR:
        """Take the network of the stage ``edsr``."""
        return cls(sr_network(stages["edsr"]))


def sr_network(stage: TrainedStage) -> EDSRNetwork:
    """The trained network of the stage ``edsr``."""
    network = EDSRNetwork(stage.settings, stage.scale)
    network.load_state_dict(stage.weights["sr"])
    return network
