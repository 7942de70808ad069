"""Floors: a classical denoiser on the LR image, then bicubic interpolation.

Every parameter is a default of scikit-image or follows from the LR image alone: nothing is chosen by scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from baselines.bicubic.method import Bicubic
from baselines.classical.bm3d import denoise
from baselines.classical.noise import Pixels, subsampled_noise_level
from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage


class DenoisedBicubic(ABC):
    """A denoiser, then bicubic interpolation.

    Args:
        scale: HR pixels per LR pixel.
    """

    def __init__(self, scale: int) -> None:
        self.enlarge = Bicubic(scale)

    @property
    def descriptor(self) -> Descriptor:
        """Scale; the receptive field is the whole image, over which noise is estimated or iterations spread."""
        return Descriptor(self.enlarge.scale, receptive_field=None)

    @abstractmethod
    def denoise(self, image: Pixels) -> Pixels:
        """Denoise an image ``(h, w, 3)`` float32 RGB in [0, 1]."""

    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` in [0, 1] to ``(N, 3, scale * h, scale * w)``, not clipped."""
        check_input(lr)
        images = [self.denoise(np.ascontiguousarray(image.permute(1, 2, 0).float().cpu().numpy())) for image in lr]
        return self.enlarge(torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images]))

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> DenoisedBicubic:
        """Build the method; there are no trained stages."""
        return cls(scale)


class GaussianBicubic(DenoisedBicubic):
    """Gaussian blur with scikit-image's default, a standard deviation of 1 LR pixel."""

    def denoise(self, image: Pixels) -> Pixels:
        """Denoise an image ``(h, w, 3)`` float32 RGB in [0, 1]."""
        from skimage.filters import gaussian

        return np.asarray(gaussian(image, channel_axis=-1), np.float32)  # type: ignore[no-untyped-call]


class TVBicubic(DenoisedBicubic):
    """Total-variation denoising (Chambolle, 2004) with scikit-image's defaults."""

    def denoise(self, image: Pixels) -> Pixels:
        """Denoise an image ``(h, w, 3)`` float32 RGB in [0, 1]."""
        from skimage.restoration import denoise_tv_chambolle

        return np.asarray(denoise_tv_chambolle(image, channel_axis=-1), np.float32)  # type: ignore[no-untyped-call]


class NLMBicubic(DenoisedBicubic):
    """Non-local means (Buades, Coll, Morel, 2005): scikit-image's defaults, and a noise level that is estimated from the image.

    The cut-off distance is 0.8 times the noise level, as scikit-image's documentation advises for the fast mode.
    """

    def denoise(self, image: Pixels) -> Pixels:
        """Denoise an image ``(h, w, 3)`` float32 RGB in [0, 1]."""
        from skimage.restoration import denoise_nl_means

        sigma = subsampled_noise_level(image)
        if not sigma:
            return image
        return np.asarray(denoise_nl_means(image, h=0.8 * sigma, sigma=sigma, channel_axis=-1), np.float32)


class BM3DBicubic(DenoisedBicubic):
    """BM3D with a noise level that is estimated from the image, right for correlated noise too."""

    def denoise(self, image: Pixels) -> Pixels:
        """Denoise an image ``(h, w, 3)`` float32 RGB in [0, 1]. Raises UsageError as ``bm3d.denoise`` does."""
        return denoise(image, subsampled_noise_level(image))
