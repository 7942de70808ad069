"""Functions of BasicSR, the oracles of tests and the rivals of speed figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.training.networks.basicsr import supply_removed_module

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from benchmarks.api.image import Image


def luma_scores(sr: Image, hr: Image, *, border: int) -> tuple[float, float]:
    """PSNR and SSIM of BasicSR, on luma of two ``(H, W, 3)`` uint8 RGB images, borders shaved."""
    supply_removed_module()
    from basicsr.metrics import calculate_psnr, calculate_ssim

    images = sr[..., ::-1], hr[..., ::-1]  # BasicSR takes BGR
    return tuple(metric(*images, border, test_y_channel=True) for metric in (calculate_psnr, calculate_ssim))


def matlab_imresize(image, scale):  # type: ignore[no-untyped-def]
    """MATLAB's ``imresize`` in BasicSR's port: ``(H, W, C)`` -> ``(ceil(H * scale), ceil(W * scale), C)``."""
    supply_removed_module()
    from basicsr.utils.matlab_functions import imresize

    return imresize(image, scale)


def paired_image_dataset(hr: Path, lr: Path, *, scale: int, hr_patch_size: int | None) -> Dataset[dict[str, Any]]:
    """Training data set of BasicSR: pairs of image files of two folders, read from disk for every item.

    Args:
        hr: folder of HR images.
        lr: folder of LR images with the same names.
        scale: HR size over LR size.
        hr_patch_size: side of the random, flipped and turned HR crop; None for whole images.

    Returns:
        Items with ``lq`` and ``gt``, ``(3, h, w)`` float32 RGB in [0, 1], and the paths ``lq_path`` and ``gt_path``.
    """
    supply_removed_module()
    from basicsr.data.paired_image_dataset import PairedImageDataset

    options = {"dataroot_gt": str(hr), "dataroot_lq": str(lr), "io_backend": {"type": "disk"}, "scale": scale}
    augmented = {"phase": "train", "gt_size": hr_patch_size, "use_hflip": True, "use_rot": True}
    return PairedImageDataset({**options, **(augmented if hr_patch_size else {"phase": "val"})})  # type: ignore[no-any-return]
