"""Settings of FSRCNN."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.api.settings import Positive, TrainingSettings


@dataclass(frozen=True)
class FSRCNNSettings:
    """Size of FSRCNN(features, shrunk, mappings) and its schedule (published: 56, 12, 4).

    Attributes:
        training: the schedule.
        features: channels d of feature extraction and deconvolution.
        shrunk: channels s between shrinking and expanding.
        mappings: number m of convolutions with s channels.
        global_skip: add the bicubic enlargement of luma, and start with a zero deconvolution: a deviation for small budgets.
    """

    training: TrainingSettings
    features: Positive
    shrunk: Positive
    mappings: Positive
    global_skip: bool = False
