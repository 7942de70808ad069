"""Settings of both stages of CinCGAN."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.api.settings import Rate, Reduction, Steps, TrainingSettings, Weight
from cincgan.networks.settings import DiscriminatorSettings, GeneratorSettings


@dataclass(frozen=True)
class LossSettings:
    """Weights and reductions of a total loss, adversarial L_GAN + cycle L_cyc + identity L_idt + tv L_TV.

    Terms of weight 0 are left out. The paper leaves the reductions open.

    Attributes:
        adversarial: weight of the least-squares GAN loss; 1 in the paper.
        cycle: weight of the cycle-consistency loss.
        identity: weight of the identity loss.
        tv: weight of the total variation.
        adversarial_reduction: reduction of the GAN loss.
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
        discriminator_learning_rate: learning rate of D1.
        generator: size of G1 and of G2.
        discriminator: size of D1.
        losses: weights and reductions of the total LR loss.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    losses: LossSettings


@dataclass(frozen=True)
class JointSettings:
    """Settings of stage 2, in which all networks learn together. D2 and G3 start untrained.

    Attributes:
        training: the schedule.
        discriminator_learning_rate: learning rate of D1 and D2.
        g3_learning_rate: learning rate of G3, which starts untrained; in the paper equal to that of the other networks.
        warmup_steps: number of steps at the start in which only D2 and G3 learn; 0 in the paper.
        g3: size of G3.
        d2: size of D2.
        lr_losses: weights and reductions of the total LR loss.
        hr_losses: weights and reductions of the total HR loss.
    """

    training: TrainingSettings
    discriminator_learning_rate: Rate
    g3_learning_rate: Rate
    warmup_steps: Steps
    g3: GeneratorSettings
    d2: DiscriminatorSettings
    lr_losses: LossSettings
    hr_losses: LossSettings
