"""Settings of both stages of CinCGAN."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.api.settings import Rate, Reduction, Steps, TrainingSettings, Weight
from cincgan.networks.settings import DiscriminatorSettings, GeneratorSettings


@dataclass(frozen=True)
class LossSettings:
    """Weight and reduction of each term of a total loss: L_GAN + cycle L_cyc + identity L_idt + tv L_TV.

    Attributes:
        adversarial: weight of the least-squares GAN loss. A term of weight 0 is left out.
        cycle: weight of the cycle-consistency loss.
        identity: weight of the identity loss.
        tv: weight of the total variation.
        adversarial_reduction: reduction of the GAN loss; the reductions are open in the paper.
        cycle_reduction: reduction of the cycle-consistency loss.
        identity_reduction: reduction of the identity loss.
        tv_reduction: reduction of the total variation.
    """

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
    """Settings of stage 1, in which G1, G2 and D1 learn to clean LR images.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: of D1.
        generator: of G1 and G2.
        discriminator: of D1.
        losses: the total LR loss.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    losses: LossSettings


@dataclass(frozen=True)
class JointSettings:
    """Settings of stage 2, in which all networks learn together. D2 and G3 start here.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: of D1 and D2.
        g3_learning_rate: of G3, which starts from nothing; the paper has one rate for all.
        warmup_steps: steps in which only D2 and G3 learn, before the others join; paper: 0.
        g3: size of G3.
        d2: size of D2.
        lr_losses: the total LR loss.
        hr_losses: the total HR loss.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    g3_learning_rate: Rate
    warmup_steps: Steps
    g3: GeneratorSettings
    d2: DiscriminatorSettings
    lr_losses: LossSettings
    hr_losses: LossSettings
