"""The one door to BasicSR 1.4.2, whose import needs a module that torchvision 0.17 removed."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

REMOVED = "torchvision.transforms.functional_tensor"


def _with_removed_module() -> None:
    """Stand in for the removed module, which BasicSR needs for this one name."""
    from torchvision.transforms.functional import rgb_to_grayscale

    module = types.ModuleType(REMOVED)
    module.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
    sys.modules.setdefault(REMOVED, module)


def edsr_network(*, channels: int, blocks: int, res_scale: float, scale: int) -> nn.Module:
    """BasicSR's EDSR: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1] on both sides.

    Its ``img_range`` stays 255, as published: inside, values run from 0 to 255.
    """
    _with_removed_module()
    from basicsr.archs.edsr_arch import EDSR

    return EDSR(  # type: ignore[no-any-return]
        num_in_ch=3, num_out_ch=3, num_feat=channels, num_block=blocks, upscale=scale, res_scale=res_scale, img_range=255.0
    )


def rrdb_network(*, blocks: int) -> nn.Module:
    """BasicSR's RRDBNet x4 with 64 features and growth 32: ``(N, 3, h, w)`` -> ``(N, 3, 4 * h, 4 * w)``, RGB in [0, 1].

    With 23 blocks 16,697,987 parameters.
    """
    _with_removed_module()
    from basicsr.archs.rrdbnet_arch import RRDBNet

    return RRDBNet(num_in_ch=3, num_out_ch=3, scale=4, num_feat=64, num_block=blocks, num_grow_ch=32)  # type: ignore[no-any-return]


def matlab_imresize(image, scale):  # type: ignore[no-untyped-def]
    """BasicSR's port of MATLAB's ``imresize``: the oracle for ours, in tests."""
    _with_removed_module()
    from basicsr.utils.matlab_functions import imresize

    return imresize(image, scale)
