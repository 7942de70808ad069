"""The one door to BasicSR 1.4.2, whose import needs a module that torchvision 0.17 removed."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import Dataset

    from benchmarks.data.decode import Image

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


def msrresnet(*, channels: int, blocks: int, scale: int) -> nn.Module:
    """BasicSR's MSRResNet, SRGAN's generator without BatchNorm: ``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``.

    With 64 channels and 16 blocks at x4 1,517,571 parameters, the baseline of the AIM 2019 challenge on constrained
    super-resolution (Zhang et al., ICCVW 2019).
    """
    _with_removed_module()
    from basicsr.archs.srresnet_arch import MSRResNet

    return MSRResNet(num_in_ch=3, num_out_ch=3, num_feat=channels, num_block=blocks, upscale=scale)  # type: ignore[no-any-return]


def vgg_discriminator(*, channels: int) -> nn.Module:
    """BasicSR's VGG-style discriminator: ``(N, 3, 128, 128)`` -> ``(N, 1)`` logits; with 64 channels 14,499,401 parameters."""
    _with_removed_module()
    from basicsr.archs.discriminator_arch import VGGStyleDiscriminator

    network = VGGStyleDiscriminator(num_in_ch=3, num_feat=channels, input_size=128)
    # After this layer it takes a view that only contiguous memory allows.
    network.bn4_1.register_forward_hook(lambda module, given, made: made.contiguous())
    return network  # type: ignore[no-any-return]


def rrdb_network(*, blocks: int) -> nn.Module:
    """BasicSR's RRDBNet x4 with 64 features and growth 32: ``(N, 3, h, w)`` -> ``(N, 3, 4 * h, 4 * w)``, RGB in [0, 1].

    With 23 blocks 16,697,987 parameters.
    """
    _with_removed_module()
    from basicsr.archs.rrdbnet_arch import RRDBNet

    return RRDBNet(num_in_ch=3, num_out_ch=3, scale=4, num_feat=64, num_block=blocks, num_grow_ch=32)  # type: ignore[no-any-return]


def luma_scores(sr: Image, hr: Image, *, border: int) -> tuple[float, float]:
    """BasicSR's PSNR and SSIM on luma of two ``(H, W, 3)`` uint8 RGB images: an oracle, and what speed is measured against."""
    _with_removed_module()
    from basicsr.metrics import calculate_psnr, calculate_ssim

    images = sr[..., ::-1], hr[..., ::-1]  # BasicSR has BGR
    return tuple(metric(*images, border, test_y_channel=True) for metric in (calculate_psnr, calculate_ssim))


def matlab_imresize(image, scale):  # type: ignore[no-untyped-def]
    """BasicSR's port of MATLAB's ``imresize``: the oracle for ours, and what its speed is measured against."""
    _with_removed_module()
    from basicsr.utils.matlab_functions import imresize

    return imresize(image, scale)


def paired_image_dataset(hr: Path, lr: Path, *, scale: int, hr_patch_size: int | None) -> Dataset[dict[str, Any]]:
    """BasicSR's training data: pairs of image files of two folders, each read from disk when it is asked for.

    Args:
        hr: folder of HR images.
        lr: folder of LR images with the same names.
        scale: HR size over LR size.
        hr_patch_size: side of the random, flipped and turned HR crop; None for whole images.

    Returns:
        Items with ``lq`` and ``gt``, ``(3, h, w)`` float32 RGB in [0, 1], and the paths ``lq_path`` and ``gt_path``.
    """
    _with_removed_module()
    from basicsr.data.paired_image_dataset import PairedImageDataset

    options = {"dataroot_gt": str(hr), "dataroot_lq": str(lr), "io_backend": {"type": "disk"}, "scale": scale}
    augmented = {"phase": "train", "gt_size": hr_patch_size, "use_hflip": True, "use_rot": True}
    return PairedImageDataset({**options, **(augmented if hr_patch_size else {"phase": "val"})})  # type: ignore[no-any-return]
