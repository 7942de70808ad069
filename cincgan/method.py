"""CinCGAN as a method: SR after G1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.results.trained import stages_of_run
from benchmarks.scoring.receptive_field import receptive_field
from benchmarks.training.networks.edsr import EDSRNetwork
from cincgan.assembly import inner_networks, outer_networks
from cincgan.networks.discriminator import Discriminator
from cincgan.networks.generator import Generator


class CinCGAN:
    """z~ = SR(G1(x)): clean the LR image, then enlarge it.

    Attributes:
        g1: X to Y, LR to LR.
        g2: Y to X, LR to LR.
        g3: HR to X.
        d1: discriminator of clean LR images.
        d2: discriminator of HR images.
        sr: Y to Z, fine-tuned from EDSR.

    Example:
        >>> from cincgan import CinCGAN
        >>> sr = CinCGAN.from_run("runs")(lr)  # doctest: +SKIP
    """

    g1: nn.Module
    g2: Generator
    g3: Generator
    d1: Discriminator
    d2: Discriminator
    sr: EDSRNetwork

    def __init__(self, networks: Mapping[str, nn.Module], scale: int) -> None:
        self.scale = scale
        for name, network in networks.items():
            setattr(self, name, network.eval())

    @property
    def descriptor(self) -> Descriptor:
        """The receptive fields of G1 and SR add up."""
        return Descriptor(self.scale, receptive_field(self.g1, self.sr))

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` float32 RGB in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        sr: Tensor = self.sr(self.g1(lr))
        return sr

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> CinCGAN:
        """Build all networks, each with the weights of the last stage that trained it.

        In the ablation a stage may be missing: without the inner one G1 is the identity, without the joint one SR is EDSR.
        """
        inner, joint = stages.get("cincgan-inner"), stages.get("cincgan-joint")
        networks: dict[str, nn.Module] = {"g1": nn.Identity(), "sr": EDSRNetwork(stages["edsr"].settings, scale)}
        networks |= inner_networks(inner.settings) if inner else {}
        networks |= outer_networks(joint.settings, scale) if joint else {}
        for stage in filter(None, (stages["edsr"], inner, joint)):
            for name, weights in stage.weights.items():
                networks[name].load_state_dict(weights)
        return cls(networks, scale)

    @classmethod
    def from_run(cls, path: str | Path, seed: int = 0) -> CinCGAN:
        """Load the networks that a run trained.

        Args:
            path: the run's output folder, for example ``runs``; where it holds several, the last finished one is taken.
            seed: of the training.

        Raises:
            UsageError: no finished CinCGAN of that seed there, or its files are corrupt.
        """
        stages = stages_of_run(Path(path), "cincgan", seed)
        return cls.from_stages(stages, stages["cincgan-joint"].scale)
