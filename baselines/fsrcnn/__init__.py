"""FSRCNN (Dong, Loy, Tang, ECCV 2016), trained on clean bicubic pairs."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "fsrcnn",
        "FSRCNN, trained on clean bicubic pairs",
        "baselines.fsrcnn.method:FSRCNN",
        family="clean-pairs",
        trains=(
            StageEntry(
                "fsrcnn",
                "baselines.fsrcnn.stage:FSRCNNStage",
                "baselines.fsrcnn.settings:FSRCNNSettings",
                reads=("z",),
                reference_step="benchmarks.measuring.reference_step:PairReferenceStep",
            ),
        ),
    ),
)
