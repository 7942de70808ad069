"""CycleSR (CVPRW 2020): unpaired and indirect. HR images are degraded by a learned generator, and SR learns from the pairs.

Written from the paper's introduction and from facts about public code (huawei-noah/vega, Apache-2.0; greatlog/UnpairedSR, without
a licence); no code was copied. The networks are those of pseudo-supervision, in the same sizes: what differs between the two is
what SR learns from.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "cyclesr",
        "CycleSR (2020), trained without pairs: SR learns from HR images and their learned degradation",
        "baselines.cyclesr.method:CycleSR",
        family="unpaired-indirect",
        trains=(
            StageEntry(
                "cyclesr-translation",
                "baselines.cyclesr.translation:TranslationStage",
                "baselines.cyclesr.settings:TranslationSettings",
                reads=("x", "z"),
                reference_step="baselines.cyclesr.reference_step:TranslationReferenceStep",
            ),
            StageEntry(
                "cyclesr",
                "baselines.cyclesr.stage:CycleSRStage",
                "baselines.cyclesr.settings:CycleSRSettings",
                reads=("x", "z"),
                needs=("edsr", "cyclesr-translation"),
                reference_step="baselines.cyclesr.reference_step:CycleSRReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="baselines.cyclesr/variants.toml",
    ),
)
