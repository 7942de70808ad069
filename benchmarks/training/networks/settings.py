"""Settings of networks that several methods share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.api.settings import Positive, TrainingSettings

PUBLISHED = {"edsr-x4-16x64": (64, 16, 1.0, False), "edsr-x4-32x256": (256, 32, 0.1, False)}  # channels, blocks, res_scale, skip


@dataclass(frozen=True)
class EDSRSettings:
    """Size and schedule of EDSR (published: 32 blocks x 256 channels, res_scale 0.1, or 16 x 64, res_scale 1).

    Attributes:
        training: the schedule.
        channels: channels of all convolutions.
        blocks: number of residual blocks.
        res_scale: factor of each residual.
        global_skip: add the bicubic upscale, and start with a zero last layer: a deviation for small budgets.
        published: card of published weights to start from, whose size and ``res_scale`` the network must have; empty for fresh
            weights. With ``training.steps`` 0 the stage is the published model.
    """

    training: TrainingSettings
    channels: Positive
    blocks: Positive
    res_scale: Annotated[float, Meta(gt=0, le=1e3)]
    global_skip: bool
    published: Literal["", "edsr-x4-16x64", "edsr-x4-32x256"] = ""

    def __post_init__(self) -> None:
        size = self.channels, self.blocks, self.res_scale, self.global_skip
        if self.published and size != PUBLISHED[self.published]:
            expected = "channels = {}, blocks = {}, res_scale = {}, global_skip = false".format(*PUBLISHED[self.published])
            raise ValueError(f"published {self.published}: needs {expected}")

    @property
    def weights(self) -> tuple[str, ...]:
        """Card of the published weights that the network starts from."""
        return (self.published,) if self.published else ()
