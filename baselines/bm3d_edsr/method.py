"""BM3D, then EDSR: denoise the LR image, then enlarge it by the EDSR of the stage ``edsr``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from baselines.classical.bm3d import denoise
from baselines.classical.noise import Pixels, noise_level, subsampled_noise_level
from baselines.edsr.method import EDSR
from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage


class BM3DEDSR:
    """BM3D on the LR image with the usual estimate of its noise, then a trained EDSR.

    Args:
        sr: the trained EDSR.
    """

    estimate: Callable[[Pixels], float] = staticmethod(noise_level)

    def __init__(self, sr: EDSR) -> None:
        self.sr = sr

    @property
    def descriptor(self) -> Descriptor:
        """Scale; the receptive field is the whole image, over which the noise is estimated."""
        return Descriptor(self.sr.scale, receptive_field=None)

    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, scale * h, scale * w)``, not clipped.

        Raises:
            UsageError: BM3D does not run on this machine, or an image is too small for it.
        """
        check_input(lr)
        arrays = [np.ascontiguousarray(image.permute(1, 2, 0).float().cpu().numpy()) for image in lr]
        images = [denoise(image, self.estimate(image)) for image in arrays]
        denoised = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])
        return self.sr(denoised.to(lr.device).contiguous())

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> BM3DEDSR:
        """Build the method with the network of the stage ``edsr``."""
        return cls(EDSR.from_stages(stages, scale))


class BM3DEDSRCorrelated(BM3DEDSR):
    """BM3D on the LR image with an estimate that is right for correlated noise, then a trained EDSR."""

    estimate = staticmethod(subsampled_noise_level)
