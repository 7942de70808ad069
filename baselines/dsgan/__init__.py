"""DSGAN (ICCVW 2019): unpaired and indirect, by frequency separation.

A generator degrades clean LR images. A colour loss ties its low frequencies to the clean image, a discriminator judges the high
ones. SR then learns from HR images and their degraded LR images. Written from the paper's introduction and from facts about
public code (ManuelFritsche/real-world-sr, MIT); no code was copied.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "dsgan",
        "DSGAN (2019), trained without pairs: SR learns from HR images degraded by a frequency-separated GAN",
        "baselines.dsgan.method:DSGAN",
        family="unpaired-indirect",
        trains=(
            StageEntry(
                "dsgan-degradation",
                "baselines.dsgan.degradation:DegradationStage",
                "baselines.dsgan.settings:DegradationSettings",
                reads=("x", "z"),
                reference_step="baselines.dsgan.reference_step:DegradationReferenceStep",
            ),
            StageEntry(
                "dsgan",
                "baselines.dsgan.stage:DSGANStage",
                "benchmarks.api.settings:PlainSettings",
                reads=("z",),
                needs=("edsr", "dsgan-degradation"),
                reference_step="benchmarks.measuring.reference_step:SourcedPairReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="baselines.dsgan/variants.toml",
    ),
)
