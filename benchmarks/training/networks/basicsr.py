"""Networks of BasicSR 1.4.2, whose import needs a module that torchvision 0.17 removed."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

REMOVED = "torchvision.transforms.functional_tensor"


def supply_removed_module() -> None:
    """Put a stand-in for the removed module into ``sys.modules``, with the single function that BasicSR needs of it."""
    from torchvision.transforms.functional import rgb_to_grayscale

    module = types.ModuleType(REMOVED)
    module.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
    sys.modules.setdefault(REMOVED, module)


def edsr_network(*, channels: int, blocks: int, res_scale: float, scale: int) -> nn.Module:
    """BasicSR's EDSR: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1] on both sides.

    Its ``img_range`` stays 255, as published: inside, values run from 0 to 255.
    """
    supply_removed_module()
    from basicsr.archs.edsr_arch import EDSR

    return EDSR(  # type: ignore[no-any-return]
        num_in_ch=3, num_out_ch=3, num_feat=channels, num_block=blocks, upscale=scale, res_scale=res_scale, img_range=255.0
    )


def msrresnet(*, channels: int, blocks: int, scale: int) -> nn.Module:
    """BasicSR's MSRResNet, SRGAN's generator without BatchNorm: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``.

    With 64 channels and 16 blocks at x4 1,517,571 parameters, the baseline of the AIM 2019 challenge on constrained
    super-resolution (Zhang et al., ICCVW 2019). Its skip connection is bilinear.
    """
    supply_removed_module()
    from basicsr.archs.srresnet_arch import MSRResNet

    return MSRResNet(num_in_ch=3, num_out_ch=3, num_feat=channels, num_block=blocks, upscale=scale)  # type: ignore[no-any-return]


def vgg_discriminator(*, channels: int) -> nn.Module:
    """BasicSR's VGG-style discriminator: ``(N, 3, 128, 128)`` -> ``(N, 1)`` logits; with 64 channels 14,499,401 parameters."""
    supply_removed_module()
    from basicsr.archs.discriminator_arch import VGGStyleDiscriminator

    network = VGGStyleDiscriminator(num_in_ch=3, num_feat=channels, input_size=128)
    # The network takes a view after this layer, which needs contiguous memory.
    network.bn4_1.register_forward_hook(lambda module, inputs, features: features.contiguous())
    return network  # type: ignore[no-any-return]


def rrdb_network(*, blocks: int) -> nn.Module:
    """BasicSR's RRDBNet x4 with 64 features and growth 32: ``(N, 3, h, w)`` -> ``(N, 3, 4 * h, 4 * w)``, RGB in [0, 1].

    With 23 blocks 16,697,987 parameters.
    """
    supply_removed_module()
    from basicsr.archs.rrdbnet_arch import RRDBNet

    return RRDBNet(num_in_ch=3, num_out_ch=3, scale=4, num_feat=64, num_block=blocks, num_grow_ch=32)  # type: ignore[no-any-return]
