"""Noise injection, RealSR's recipe (Ji et al., CVPRW 2020): SR learns from clean LR images with noise patches of X.

Written from the paper and from facts about its public code (Tencent/Real-SR, Apache-2.0); no code of it was used.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "noise-injection",
        "noise injection (RealSR's recipe, L1 loss): EDSR on clean LR images with noise patches of X",
        "baselines.noise_injection.method:NoiseInjection",
        family="explicit-estimate",
        trains=(
            StageEntry(
                "noise-injection",
                "baselines.noise_injection.stage:NoiseInjectionStage",
                "baselines.noise_injection.settings:NoiseInjectionSettings",
                reads=("x", "z"),
                needs=("edsr",),
                reference_step="benchmarks.measuring.reference_step:SourcedPairReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="baselines.noise_injection/variants.toml",
    ),
)
