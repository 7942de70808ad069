"""The trained method: SR after G1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from baselines.edsr import EDSRNetwork
from benchmarks.stored import stages_of_run
from benchmarks.training import TrainedStage
from cincgan.networks import Discriminator, Generator, inner_networks, outer_networks


class CinCGAN:
    """z~ = SR(G1(x)): clean the LR image, then enlarge it.

    Attributes:
        g1: X to Y, LR to LR.
        g2: Y to X, LR to LR.
        g3: HR to X.
        d1: judges clean LR images.
        d2: judges HR images.
        sr: Y to Z, fine-tuned from EDSR.

    Example:
        >>> from cincgan import CinCGAN
        >>> sr = CinCGAN.from_run("runs")(lr)  # doctest: +SKIP
    """

    g1: Generator
    g2: Generator
    g3: Generator
    d1: Discriminator
    d2: Discriminator
    sr: EDSRNetwork

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        for name, network in networks.items():
            setattr(self, name, network.eval())

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` float32 RGB in [0, 1] -> ``(N, 3, scale * h, scale * w)``, not clipped."""
        sr: Tensor = self.sr(self.g1(lr))
        return sr

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> CinCGAN:
        """Build all networks with the joint stage's weights; the sizes are those of the stages that made them."""
        inner, joint = stages["cincgan-inner"], stages["cincgan-joint"]
        networks = {
            **inner_networks(inner.settings),
            **outer_networks(joint.settings, scale),
            "sr": EDSRNetwork(stages["edsr"].settings, scale),
        }
        for name, network in networks.items():
            network.load_state_dict(joint.weights[name])
        return cls(networks)

    @classmethod
    def from_run(cls, path: str | Path, seed: int = 0) -> CinCGAN:
        """Load what a run trained.

        Args:
            path: the run's output folder, for example ``runs``; where it holds several, the last finished one is taken.
            seed: of the training.

        Raises:
            UsageError: no finished CinCGAN of that seed there, or its files are corrupt.
        """
        stages = stages_of_run(Path(path), "cincgan", seed)
        return cls.from_stages(stages, stages["cincgan-joint"].scale)
