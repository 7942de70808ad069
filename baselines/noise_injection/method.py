"""Noise injection as a method."""

from __future__ import annotations

from baselines.edsr.fine_tuned import FineTunedEDSR


class NoiseInjection(FineTunedEDSR):
    """Noise injection, SR(x): SR alone, which has learned from noisy LR images."""

    stage = "noise-injection"
