"""CinCGAN as a method: G1, then SR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.api.contract import check_input
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.results.pretrained import load_packed
from benchmarks.results.trained import stages_of_run
from benchmarks.scoring.receptive_field import receptive_field
from benchmarks.training.networks.edsr import EDSRNetwork
from cincgan.assembly import inner_networks, outer_networks
from cincgan.networks.discriminator import Discriminator
from cincgan.networks.generator import Generator


class CinCGAN:
    """CinCGAN, SR(G1(x)): clean the LR image, then enlarge it.

    Attributes:
        g1: generator from X to Y, degraded to clean LR images.
        g2: generator from Y to X, clean to degraded LR images.
        g3: generator from Z to X, HR to degraded LR images.
        d1: discriminator of clean LR images.
        d2: discriminator of HR images.
        sr: enlarges Y to Z; fine-tuned EDSR.

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
        """Scale and receptive field, that of G1 and SR one after the other."""
        return Descriptor(self.scale, receptive_field(self.g1, self.sr))

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """Enlarge ``(N, 3, h, w)`` float32 RGB in [0, 1] to ``(N, 3, scale * h, scale * w)``, not clipped.

        Raises:
            UsageError: the images are not of that shape and range.
        """
        check_input(lr)
        sr: Tensor = self.sr(self.g1(lr))
        return sr

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> CinCGAN:
        """Build all networks, each with the weights of the last stage that trained it.

        Args:
            stages: ``edsr``, ``cincgan-inner`` and ``cincgan-joint``. Variants of the ablation lack a stage: without the inner
                stage G1 is the identity, without the joint stage SR is EDSR.
            scale: HR pixels per LR pixel.
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
            path: output folder of the run, for example ``runs``. Of several finished evaluations of CinCGAN the last counts.
            seed: seed of the training.

        Raises:
            UsageError: the folder holds no finished CinCGAN of that seed, or its files are corrupt.
        """
        stages = stages_of_run(Path(path), "cincgan", seed)
        return cls.from_stages(stages, stages["cincgan-joint"].scale)

    @classmethod
    def pretrained(cls, name: str = "demo") -> CinCGAN:
        """Load the small weights of the package: G1 and SR alone, enough to enlarge images.

        Args:
            name: of the weights; ``python -m benchmarks.pack --list`` shows all, with their origin and scores.

        Raises:
            UsageError: there are no weights of that name.

        Example:
            >>> import torch
            >>> from cincgan import CinCGAN
            >>> CinCGAN.pretrained("demo")(torch.rand(1, 3, 20, 30)).shape
            torch.Size([1, 3, 80, 120])
        """
        stages, card = load_packed(name, "cincgan")
        method = cls.from_stages(stages, card.scale)
        for network in ("g2", "g3", "d1", "d2"):  # not packed: they would have random weights
            delattr(method, network)
        return method
