"""Functions of BasicSR that tests and speed figures compare with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.training.networks.basicsr import supply_removed_module

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from benchmarks.api.image import Image


def luma_scores(sr: Image, hr: Image, *, border: int) -> tuple[float, float]:
    """BasicSR's PSNR and SSIM on luma of two ``(H, W, 3)`` uint8 RGB images: an oracle, and what speed is measured against."""
    supply_removed_module()
    from basicsr.metrics import calculate_psnr, calculate_ssim

    images = sr[..., ::-1], hr[..., ::-1]  # BasicSR has BGR
    return tuple(metric(*images, border, test_y_channel=True) for metric in (calculate_psnr, calculate_ssim))


def matlab_imresize(image, scale):  # type: ignore[no-untyped-def]
    """BasicSR's port of MATLAB's ``imresize``: the oracle for ours, and what its speed is measured against."""
    supply_removed_module()
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
    supply_removed_module()
    from basicsr.data.paired_image_dataset import PairedImageDataset

    options = {"dataroot_gt": str(hr), "dataroot_lq": str(lr), "io_backend": {"type": "disk"}, "scale": scale}
    augmented = {"phase": "train", "gt_size": hr_patch_size, "use_hflip": True, "use_rot": True}
    return PairedImageDataset({**options, **(augmented if hr_patch_size else {"phase": "val"})})  # type: ignore[no-any-return]
