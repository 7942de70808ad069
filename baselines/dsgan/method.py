"""DSGAN as a method."""

from __future__ import annotations

from baselines.edsr.fine_tuned import FineTunedEDSR


class DSGAN(FineTunedEDSR):
    """DSGAN, SR(x): SR alone, which has learned to enlarge degraded images."""

    stage = "dsgan"
