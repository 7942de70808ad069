"""SimUSR (Ahn, Yoo and Sohn, CVPRW 2020): LR images alone, denoised, are the HR images of pairs one size lower.

Written from the paper's abstract and introduction; no code of it is known. Network, loss and noise estimate are own
choices.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "simusr",
        "SimUSR: EDSR on pairs of X itself, denoised by BM3D and reduced",
        "baselines.simusr.method:SimUSR",
        family="internal",
        trains=(
            StageEntry(
                "simusr",
                "baselines.simusr.stage:SimUSRStage",
                "baselines.simusr.settings:SimUSRSettings",
                reads=("x",),
                needs=("edsr",),
                reference_step="benchmarks.measuring.reference_step:PairReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="baselines.simusr/variants.toml",
        smallest=16,
    ),
)
