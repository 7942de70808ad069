"""Settings of generators and discriminators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.api.settings import Positive

Window = Literal[0, 3, 5, 7, 9]  # side in pixels; 0 for no filter


@dataclass(frozen=True)
class GeneratorSettings:
    """Size of G1, G2 and G3 (paper, figure 3a: 64 channels, 6 blocks, no global skip).

    docs/reproduction-notes.md, 'Deviations of the small profiles', says why ``global_skip`` and ``residual_window`` help.

    Attributes:
        channels: channels of all convolutions.
        blocks: number of residual blocks.
        global_skip: add the input, and start with a zero last layer: a deviation for small budgets.
        residual_window: window of a high-pass filter of the generator's output, before the input is added: a deviation for small
            budgets; 0 for none.
    """

    channels: Positive
    blocks: Positive
    global_skip: bool
    residual_window: Window

    def __post_init__(self) -> None:
        if self.residual_window and not self.global_skip:
            raise ValueError("residual_window needs global_skip = true: a filtered output alone has no brightness")


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Size of D1 and D2 (paper, figure 3b: 64 channels in the first layer).

    docs/reproduction-notes.md, 'Deviations of the small profiles', says why ``instance_noise`` and ``highpass_window`` help.

    Attributes:
        channels: channels of the first layer.
        padding: padding of every convolution; open in the paper.
        instance_noise: standard deviation, for images in [0, 1], of noise on all input images: a deviation for small budgets.
        highpass_window: window of a high-pass filter of the input images: a deviation for small budgets; 0 for none.
    """

    channels: Positive
    padding: Annotated[int, Meta(ge=0, le=2)]
    instance_noise: Annotated[float, Meta(ge=0, le=1)]
    highpass_window: Window
