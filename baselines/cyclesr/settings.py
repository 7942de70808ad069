"""Settings of both stages of CycleSR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.settings import Positive, Rate, TrainingSettings, Weight
from cincgan.networks.settings import DiscriminatorSettings, GeneratorSettings


@dataclass(frozen=True)
class TranslationSettings:
    """Settings of stage 1, in which G_YX and G_XY learn to degrade and to clean LR images; the joint stage keeps its losses.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: learning rate of D_X and D_Y.
        input_noise: standard deviation, for images in [0, 1], of the Gaussian noise added to y before G_YX, its source of
            randomness.
        generator: size of G_YX and of G_XY.
        discriminator: size of D_X and of D_Y.
        adversarial: weight of the least-squares GAN losses.
        cycle: weight of the L1 cycle-consistency losses of X and of Y; 0 leaves out G_XY and D_Y.
        identity: weight of the L1 identity losses of G_YX and of G_XY.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    input_noise: Annotated[float, Meta(ge=0, le=1)]
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    adversarial: Weight
    cycle: Weight
    identity: Weight


@dataclass(frozen=True)
class CycleSRSettings:
    """Settings of stage 2, in which SR, which starts from the stage ``edsr``, learns together with the networks of stage 1.

    Attributes:
        training: the schedule; its learning rate is that of SR.
        generator_learning_rate: learning rate of G_YX and G_XY.
        discriminator_learning_rate: learning rate of D_X and D_Y.
        generator_interval: number of steps of SR per step of the other networks; above 1 a deviation for small budgets.
        collaborative: weight of the squared error of SR(G_YX(y)) in the loss of G_YX.
    """

    training: TrainingSettings
    generator_learning_rate: Rate
    discriminator_learning_rate: Rate
    generator_interval: Positive
    collaborative: Weight
