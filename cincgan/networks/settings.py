"""Settings of generators and discriminators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.api.settings import Positive

Window = Literal[0, 3, 5, 7, 9]  # pixels


@dataclass(frozen=True)
class GeneratorSettings:
    """Size of G1, G2 and G3 (paper, figure 3a: 64 channels, 6 blocks, no global skip).

    Attributes:
        channels: of all convolutions.
        blocks: residual blocks.
        global_skip: a deviation for small budgets: add the input, start with a zero last layer.
        residual_window: a deviation for small budgets: the generator changes only what this high-pass keeps; 0 is off.
    """

    channels: Positive
    blocks: Positive
    global_skip: bool
    residual_window: Window

    def __post_init__(self) -> None:
        if self.residual_window and not self.global_skip:
            raise ValueError("residual_window needs global_skip = true: without the input nothing would carry brightness")


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Size of D1 and D2 (paper, figure 3b: 64 channels in the first layer).

    Attributes:
        channels: of the first layer.
        padding: of every convolution; open in the paper.
        instance_noise: a deviation for small budgets: standard deviation, in [0, 1], of noise on all images that it sees.
        highpass_window: a deviation for small budgets: the discriminator sees images less their local mean; 0 is off.
    """

    channels: Positive
    padding: Annotated[int, Meta(ge=0, le=2)]
    instance_noise: Annotated[float, Meta(ge=0, le=1)]
    highpass_window: Window
