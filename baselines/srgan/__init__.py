"""SRGAN (Ledig et al., CVPR 2017), trained on clean bicubic pairs, and SRGAN+, fine-tuned on degraded pairs."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

REFERENCE_STEP = "baselines.srgan.reference_step:SRGANReferenceStep"

METHODS = (
    MethodEntry(
        "srgan",
        "SRGAN, trained on clean bicubic pairs",
        "baselines.srgan.method:SRGAN",
        family="clean-pairs",
        trains=(
            StageEntry(
                "srgan",
                "baselines.srgan.stage:SRGANStage",
                "baselines.srgan.settings:SRGANSettings",
                reads=("z",),
                weights_of="srgan",
                reference_step=REFERENCE_STEP,
            ),
        ),
    ),
    MethodEntry(
        "srgan-paired",
        "SRGAN fine-tuned on degraded pairs (SRGAN+)",
        "baselines.srgan.method:SRGAN",
        family="supervised",
        trains=(
            StageEntry(
                "srgan-paired",
                "baselines.srgan.paired_stage:PairedSRGANStage",
                "baselines.srgan.settings:PairedSRGANSettings",
                reads=("pairs",),
                needs=("srgan",),
                weights_of="srgan",
                reference_step=REFERENCE_STEP,
            ),
        ),
        uses=("srgan",),
    ),
)
