"""PDM-SR (CVPR 2022): unpaired and indirect, with a *random* learned degradation.

A kernel module draws a blur kernel for each HR image, a noise module draws noise for the blurred image; a discriminator holds the
result against real LR images. SR then learns from HR images and their degraded LR images. Written from the paper's introduction
and from facts about public code (greatlog/UnpairedSR, without a licence); no code was copied.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "pdm",
        "PDM-SR (2022), trained without pairs: SR learns from HR images under learned random kernels and noise",
        "baselines.pdm.method:PDM",
        family="unpaired-indirect",
        trains=(
            StageEntry(
                "pdm-degradation",
                "baselines.pdm.degradation:DegradationStage",
                "baselines.pdm.settings:DegradationSettings",
                reads=("x", "z"),
                reference_step="baselines.pdm.reference_step:DegradationReferenceStep",
            ),
            StageEntry(
                "pdm",
                "baselines.pdm.stage:PDMStage",
                "benchmarks.api.settings:PlainSettings",
                reads=("z",),
                needs=("edsr", "pdm-degradation"),
                reference_step="benchmarks.measuring.reference_step:SourcedPairReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="baselines.pdm/variants.toml",
    ),
)
