"""Settings of pseudo-supervision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from benchmarks.api.settings import Rate, TrainingSettings, Weight
from cincgan.networks.settings import DiscriminatorSettings, GeneratorSettings


@dataclass(frozen=True)
class PseudoSettings:
    """Generators, discriminators, losses and schedule; SR starts from the stage ``edsr``.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: learning rate of D_X and D_Y.
        sr_learning_rate: learning rate of SR.
        input_noise: standard deviation, for images in [0, 1], of the Gaussian noise added to the input of G_YX, its source of
            randomness.
        generator: size of G_XY and of G_YX.
        discriminator: size of D_X and of D_Y.
        adversarial: weight of the least-squares GAN losses.
        cycle: weight of the L1 cycle-consistency loss of Y.
        identity: weight of the L1 identity loss of G_XY.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    sr_learning_rate: Rate
    input_noise: Annotated[float, Meta(ge=0, le=1)]
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    adversarial: Weight
    cycle: Weight
    identity: Weight
