"""Settings of SimUSR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.api.settings import TrainingSettings


@dataclass(frozen=True)
class SimUSRSettings:
    """Denoiser and schedule; SR starts from the stage ``edsr``.

    Attributes:
        training: the schedule; the LR patches are of images ``scale`` times smaller than those of X.
        denoiser: of X in training and of the LR image at inference. ``bm3d`` estimates the noise as usual, which is right for
            white noise, ``bm3d-correlated`` on every other pixel, which is right for noise that neighbouring pixels share.
    """

    training: TrainingSettings
    denoiser: Literal["bm3d", "bm3d-correlated", "none"]
