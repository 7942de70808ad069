"""EDSR (Lim et al., CVPRW 2017), trained on clean bicubic pairs, and EDSR+, fine-tuned on degraded pairs."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

REFERENCE_STEP = "benchmarks.measuring.reference_step:PairReferenceStep"

METHODS = (
    MethodEntry(
        "edsr",
        "EDSR, trained on clean bicubic pairs",
        "baselines.edsr.method:EDSR",
        family="clean-pairs",
        trains=(
            StageEntry(
                "edsr",
                "baselines.edsr.stage:EDSRStage",
                "benchmarks.training.networks.settings:EDSRSettings",
                reads=("z",),
                weights_of="edsr",
                reference_step=REFERENCE_STEP,
            ),
        ),
    ),
    MethodEntry(
        "edsr-paired",
        "EDSR fine-tuned on degraded pairs (EDSR+)",
        "baselines.edsr.method:EDSR",
        family="supervised",
        trains=(
            StageEntry(
                "edsr-paired",
                "baselines.edsr.paired_stage:PairedEDSRStage",
                "benchmarks.api.settings:PlainSettings",
                reads=("pairs",),
                needs=("edsr",),
                reference_step=REFERENCE_STEP,
            ),
        ),
        uses=("edsr",),
    ),
)
