"""ZSSR as a method, which trains inside its call."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from baselines.zssr.network import ZSSRNetwork
from baselines.zssr.settings import ZSSRSettings
from baselines.zssr.training import train
from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.degradations.rounding import to_uint8
from benchmarks.scoring.seeding import seeded
from benchmarks.training.networks.resampling import resample


class ZSSR:
    """A network for each image, trained at half the scale first; that result is a further image to learn from.

    Initial weights, crops and noise follow from the image's bytes: the same image gives the same result in any batch and order.

    Args:
        settings: network and schedule.
        scale: HR pixels per LR pixel.
    """

    def __init__(self, settings: ZSSRSettings, scale: int) -> None:
        self.settings, self.scale = settings, scale

    @property
    def descriptor(self) -> Descriptor:
        """Scale; the training sees the whole image, so the image is not to be cut into tiles."""
        return Descriptor(self.scale, receptive_field=None, tiles=False)

    def __call__(self, lr: Tensor) -> Tensor:
        """Train on each of ``(N, 3, h, w)`` in [0, 1] and enlarge it to ``(N, 3, scale * h, scale * w)``, not clipped."""
        check_input(lr)
        with torch.inference_mode(False), torch.enable_grad():
            return torch.cat([self._enlarged(image.unsqueeze(0).clone()) for image in lr])

    def _enlarged(self, image: Tensor) -> Tensor:
        """SR image ``(1, 3, scale * h, scale * w)`` of an image ``(1, 3, h, w)``."""
        pixels = np.ascontiguousarray(image.detach().cpu().numpy())
        with seeded(to_uint8(255 * pixels)):
            network = ZSSRNetwork(self.settings).to(image.device)
            fathers = [image]
            for factor in factors(self.scale):
                train(network, image, fathers, factor, self.settings)
                with torch.no_grad():
                    sr: Tensor = network(resample(image, factor))
                fathers.append(sr.clamp(0, 1))
        return sr

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> ZSSR:
        """Build the method with its settings, which come under its name."""
        return cls(stages["zssr"].settings, scale)


def factors(scale: int) -> tuple[int, ...]:
    """Half the scale and the scale; the scale alone where its half is no whole factor above 1."""
    return (scale // 2, scale) if scale % 2 == 0 and scale > 2 else (scale,)
