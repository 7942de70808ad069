"""PDM-SR as a method."""

from __future__ import annotations

from baselines.edsr.fine_tuned import FineTunedEDSR


class PDM(FineTunedEDSR):
    """PDM-SR, SR(x): SR alone, which has learned to enlarge degraded images."""

    stage = "pdm"
