"""Reference step of PDM-SR's degradation, for tests and speed figures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from baselines.pdm.degradation import DegradationStage
from baselines.pdm.network import CODE
from benchmarks.measuring.reference_step import AdversarialReferenceStep, total
from benchmarks.training.distributed import noise_like
from benchmarks.training.losses import squared


class DegradationReferenceStep(AdversarialReferenceStep):
    """Reference of ``DegradationStage``: the discriminator, then both modules."""

    stage: DegradationStage

    def step(self, index: int) -> dict[str, Tensor]:
        """Do the step of ``DegradationStage``."""
        settings = self.stage.settings
        x, (y, z) = self.stage.x.draw(), self.stage.pairs.draw_pairs()
        x, y, z = x.contiguous(), y.contiguous(), z.contiguous()
        code = noise_like(y.new_empty(len(y), CODE, 1, 1)).contiguous() * settings.random_kernels
        white = noise_like(y).contiguous()
        lr = self.blurred(z, self.networks["kernel"](code))
        discriminator_loss = self.update_discriminator("d", x, lr + self.networks["noise"](lr, white))
        lr = self.blurred(z, self.networks["kernel"](code))
        noise = self.networks["noise"](lr.detach(), white)
        terms = {
            "adversarial": settings.adversarial * self.adversarial_loss("d", x, lr + noise, "mean"),
            "noise_strength": settings.noise_strength * squared(noise, "mean"),
        }
        self.descend(total(terms), "modules")
        return {"d": discriminator_loss, **terms}

    def blurred(self, hr: Tensor, kernels: Tensor) -> Tensor:
        """Each image under its kernel, one after another: ``(N, 3, H, W)`` -> ``(N, 3, H / scale, W / scale)``."""
        scale = self.stage.scale
        border = (kernels.shape[-1] - scale) // 2
        padded = pad(hr, (border,) * 4, mode="reflect")
        images = [conv2d(image[:, None], kernel[None], stride=scale)[:, 0] for image, kernel in zip(padded, kernels, strict=True)]
        return torch.stack(images)
