"""SR trained on synthetic pairs as a method."""

from __future__ import annotations

from baselines.edsr.fine_tuned import FineTunedEDSR


class BlindSynthetic(FineTunedEDSR):
    """Blind-synthetic training, SR(x): SR alone, which has learned from pairs of a hand-made degradation."""

    stage = "blind-synthetic"
