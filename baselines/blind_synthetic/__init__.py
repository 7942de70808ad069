"""Blind-synthetic training: SR learns from pairs of a random, hand-made degradation; degraded images are never seen.

The recipe of Real-ESRNet (Wang et al., ICCVW 2021), the L1 stage of Real-ESRGAN; a variant has the degradation model of BSRGAN
(Zhang et al., ICCV 2021). Written from the papers and from facts of their public codes (BSD-3 and Apache-2.0), none of which is
copied.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "blind-synthetic",
        "EDSR trained on pairs of Real-ESRGAN's random degradation, without degraded images",
        "baselines.blind_synthetic.method:BlindSynthetic",
        family="synthetic",
        trains=(
            StageEntry(
                "blind-synthetic",
                "baselines.blind_synthetic.stage:BlindSyntheticStage",
                "baselines.blind_synthetic.settings:BlindSyntheticSettings",
                reads=("z",),
                needs=("edsr",),
                reference_step="benchmarks.measuring.reference_step:SourcedPairReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="baselines.blind_synthetic/variants.toml",
    ),
)
