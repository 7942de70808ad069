"""NIQE: pyiqa's function with the parameters of natural images that BasicSR's package carries."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.tensors import to_tensor

if TYPE_CHECKING:
    from benchmarks.api.image import Image

BLOCK = 96  # pixels a side; the statistics of the blocks of an image have a covariance, which takes two blocks


class NIQE:
    """Natural image quality evaluator (Mittal et al. 2013): larger is worse. No ground truth is looked at.

    As pyiqa's default: on luma of YIQ (0.299, 0.587, 0.114), rounded to integers, the whole image. Runs on the CPU in float64.
    """

    def __init__(self) -> None:
        """Load the parameters. Raises WeightsMissing if they are neither cached nor obtainable."""
        import torch

        with np.load(fetch(load_weight_card("niqe"))["parameters"], allow_pickle=False) as parameters:
            self.mean = torch.from_numpy(parameters["mu_pris_param"].ravel())
            self.covariance = torch.from_numpy(parameters["cov_pris_param"])

    def score_batch(self, sr: Sequence[Image], hr: Sequence[Image]) -> list[float]:
        """Score SR images ``(H, W, 3)`` uint8 RGB, one after the other.

        Args:
            sr: SR images.
            hr: not looked at.

        Returns:
            A number for each SR image; not a number where no two blocks have contrast.

        Raises:
            UsageError: an image has less than two blocks of 96x96 pixels.
        """
        return [self._score(image) for image in sr]

    def _score(self, image: Image) -> float:
        import torch
        from pyiqa.archs.niqe_arch import calculate_niqe

        height, width = image.shape[:2]
        if (height // BLOCK) * (width // BLOCK) < 2:
            raise UsageError(
                f"NIQE needs two blocks of {BLOCK}x{BLOCK} pixels, {BLOCK}x{2 * BLOCK} or more: got {width}x{height}"
            )
        try:
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of a covariance of less than two blocks with contrast
                return float(calculate_niqe(to_tensor([image]), mu_pris_param=self.mean, cov_pris_param=self.covariance))
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # of an image whose blocks have no contrast
            return float("nan")
