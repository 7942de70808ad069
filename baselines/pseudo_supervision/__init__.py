"""Pseudo-supervision (Maeda, CVPR 2020): unpaired like CinCGAN, but SR learns from pairs that generators make."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, StageEntry

METHODS = (
    MethodEntry(
        "pseudo-supervision",
        "pseudo-supervision (Maeda 2020), trained without pairs",
        "baselines.pseudo_supervision.method:PseudoSupervision",
        family="unpaired-direct",
        trains=(
            StageEntry(
                "pseudo-supervision",
                "baselines.pseudo_supervision.stage:PseudoStage",
                "baselines.pseudo_supervision.settings:PseudoSettings",
                reads=("x", "z"),
                needs=("edsr",),
                reference_step="baselines.pseudo_supervision.reference_step:PseudoReferenceStep",
            ),
        ),
        uses=("edsr",),
    ),
)
