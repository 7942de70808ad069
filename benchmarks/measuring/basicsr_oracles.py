"""Functions of BasicSR 1.4.2, the oracles of tests and the rivals of speed figures.

BasicSR is not installed from Python 3.13 on, where its build fails. Its import needs a module that torchvision 0.17 removed.
"""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from benchmarks.api.image import Image

REMOVED = "torchvision.transforms.functional_tensor"


def is_installed() -> bool:
    """True if BasicSR is installed."""
    return find_spec("basicsr") is not None


def prepare_import() -> None:
    """Make BasicSR importable: put a stand-in for the removed module into ``sys.modules``, with the function that BasicSR needs.

    Raises:
        UsageError: BasicSR is not installed.
    """
    if not is_installed():
        raise UsageError("this measurement compares with BasicSR, which is not installed: pip install basicsr (Python < 3.13)")
    from torchvision.transforms.functional import rgb_to_grayscale

    module = types.ModuleType(REMOVED)
    module.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
    sys.modules.setdefault(REMOVED, module)


def luma_scores(sr: Image, hr: Image, *, border: int) -> tuple[float, float]:
    """PSNR and SSIM of BasicSR, on luma of two ``(H, W, 3)`` uint8 RGB images, borders shaved."""
    prepare_import()
    from basicsr.metrics import calculate_psnr, calculate_ssim

    images = sr[..., ::-1], hr[..., ::-1]  # BasicSR takes BGR
    return tuple(metric(*images, border, test_y_channel=True) for metric in (calculate_psnr, calculate_ssim))


def matlab_imresize(image, scale):  # type: ignore[no-untyped-def]
    """MATLAB's ``imresize`` in BasicSR's port: ``(H, W, C)`` -> ``(ceil(H * scale), ceil(W * scale), C)``."""
    prepare_import()
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
    prepare_import()
    from basicsr.data.paired_image_dataset import PairedImageDataset

    options = {"dataroot_gt": str(hr), "dataroot_lq": str(lr), "io_backend": {"type": "disk"}, "scale": scale}
    augmented = {"phase": "train", "gt_size": hr_patch_size, "use_hflip": True, "use_rot": True}
    return PairedImageDataset({**options, **(augmented if hr_patch_size else {"phase": "val"})})  # type: ignore[no-any-return]
