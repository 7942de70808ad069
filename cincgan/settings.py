"""Every choice that CinCGAN's training has, as frozen dataclasses without torch. Profiles fill them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from benchmarks.settings import Positive, Rate, Steps, TrainingSettings, Weight

Reduction = Literal["mean", "sum", "norm"]
Window = Literal[0, 3, 5, 7, 9]  # pixels


@dataclass(frozen=True)
class GeneratorSettings:
    """G1, G2, G3 (paper, figure 3a: 64 channels, 6 blocks, no global skip)."""

    channels: Positive
    blocks: Positive
    global_skip: bool  # deviation for small budgets: add the input, start with a zero last layer
    residual_window: Window  # deviation for small budgets: change nothing but what this high-pass keeps; 0 is off

    def __post_init__(self) -> None:
        if self.residual_window and not self.global_skip:
            raise ValueError("residual_window needs global_skip = true: without the input nothing would carry brightness")


@dataclass(frozen=True)
class DiscriminatorSettings:
    """D1, D2 (paper, figure 3b: 64 channels in the first layer)."""

    channels: Positive
    padding: Annotated[int, Meta(ge=0, le=2)]  # open in the paper
    instance_noise: Annotated[float, Meta(ge=0, le=1)]  # deviation for small budgets: noise on all it judges, std in [0, 1]
    highpass_window: Window  # deviation for small budgets: judge the image less its local mean; 0 is off


@dataclass(frozen=True)
class LossSettings:
    """Weight and reduction of one total loss: L_GAN + cycle L_cyc + identity L_idt + tv L_TV."""

    adversarial: Weight
    cycle: Weight
    identity: Weight
    tv: Weight
    adversarial_reduction: Reduction
    cycle_reduction: Reduction
    identity_reduction: Reduction
    tv_reduction: Reduction

    def __post_init__(self) -> None:
        if not (self.adversarial or self.cycle or self.identity or self.tv):
            raise ValueError("all loss weights are 0: nothing would be learnt")


@dataclass(frozen=True)
class InnerSettings:
    """Stage 1: G1, G2 and D1 learn to clean LR images."""

    training: TrainingSettings
    discriminator_learning_rate: Rate
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    losses: LossSettings


@dataclass(frozen=True)
class JointSettings:
    """Stage 2: all networks together; those that start here are D2 and G3."""

    training: TrainingSettings
    discriminator_learning_rate: Rate
    g3_learning_rate: Rate  # G3 starts from nothing; the paper has one rate for all
    warmup_steps: Steps  # steps in which only D2 and G3 learn, before the others join; paper: 0
    g3: GeneratorSettings
    d2: DiscriminatorSettings
    lr_losses: LossSettings
    hr_losses: LossSettings
