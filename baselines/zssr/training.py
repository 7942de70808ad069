"""Training of ZSSR on one image: crops of the image are HR images, their downscales LR images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from baselines.zssr.network import ZSSRNetwork
from baselines.zssr.settings import ZSSRSettings
from benchmarks.training.networks.resampling import resample

LEAST_RATE = 9e-6  # training ends where the learning rate falls below
FALL = 10.0  # divisor of the learning rate
RATIO = 1.5  # of the slope's standard error over the slope


def train(network: ZSSRNetwork, image: Tensor, fathers: Sequence[Tensor], scale: int, settings: ZSSRSettings) -> None:
    """Train a network to enlarge an image ``scale`` times, by the L1 loss on random crops of its fathers.

    Args:
        network: changed in place.
        image: LR image ``(1, 3, h, w)`` in [0, 1], whose reconstruction error decides when the learning rate falls.
        fathers: images of the same scene that stand for HR images, ``(1, 3, H, W)``.
        scale: factor of the enlargement.
        settings: schedule and noise.
    """
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    rate, fallen, errors = settings.learning_rate, 0, list[float]()
    for step in range(settings.steps):
        if step % settings.check_every == 0:
            errors.append(reconstruction_error(network, image, scale))
            recent = errors[-(settings.window // settings.check_every) :]
            if step - fallen >= settings.window and is_flat(recent):
                rate, fallen = rate / FALL, step
                optimiser.param_groups[0]["lr"] = rate
                if rate < LEAST_RATE:
                    return
        loss = l1_loss(*prediction(network, fathers, scale, settings))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def prediction(network: ZSSRNetwork, fathers: Sequence[Tensor], scale: int, settings: ZSSRSettings) -> tuple[Tensor, Tensor]:
    """Prediction of a random crop from its noisy downscale, and the crop, ``(1, 3, H, W)`` each.

    Random numbers are those of the CPU's global generator: father, corner, turn, flip, noise.
    """
    crop = random_crop(fathers[int(torch.randint(len(fathers), ()))], scale, settings.patch_size)
    son = resample(crop, 1 / scale)
    son = (son + settings.noise * torch.randn(son.shape).to(son.device)).clamp(0, 1)
    return network(resample(son, scale)), crop


def random_crop(father: Tensor, scale: int, patch_size: int) -> Tensor:
    """Random crop of an image, turned and flipped; sides are multiples of the scale, at most ``patch_size``."""
    height, width = (min(patch_size, side) // scale * scale for side in father.shape[-2:])
    top, left = (int(torch.randint(side - taken + 1, ())) for side, taken in zip(father.shape[-2:], (height, width), strict=True))
    crop = torch.rot90(father[..., top : top + height, left : left + width], int(torch.randint(4, ())), (2, 3))
    return crop.flip(3) if torch.rand(()) < 0.5 else crop


@torch.no_grad()
def reconstruction_error(network: ZSSRNetwork, image: Tensor, scale: int) -> float:
    """Mean squared error of an image ``(1, 3, h, w)`` that is enlarged from its own downscale, without noise."""
    height, width = (side // scale * scale for side in image.shape[-2:])
    whole = image[..., :height, :width]
    return mse_loss(network(resample(resample(whole, 1 / scale), scale)), whole).item()


def is_flat(errors: Sequence[float]) -> bool:
    """True unless errors at equal distances fall: 1.5 times the fall of a fitted line is above its standard error."""
    from scipy.stats import linregress

    fit = linregress(np.arange(len(errors)), errors)
    return not fit.stderr < -RATIO * fit.slope  # the standard error of a constant is NaN
