"""Protocols: how two images are compared. A number without its protocol is not a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.scoring.alignment import Shift


@dataclass(frozen=True)
class Score:
    """Scores of a SR image.

    Attributes:
        psnr: PSNR in dB.
        ssim: SSIM.
        shift: shift ``(dy, dx)`` with the best PSNR; None under a protocol that does not align.
    """

    psnr: float
    ssim: float
    shift: Shift | None = None


@dataclass(frozen=True)
class Protocol:
    """A named, versioned way to score a SR image against its HR image.

    Attributes:
        name: name in tables and result files.
        title: a line for lists.
        version: version of the definition; it changes whenever a number could.
        smallest: shortest side, in pixels, of an image that can be scored.
        compare: function of SR and HR image, ``(H, W, 3)`` uint8 RGB of the same size, that returns their scores.
        view: function of SR image, HR image and their score that cuts both images for other metrics, uint8 RGB; None if the
            protocol is defined for PSNR and SSIM only.
    """

    name: str
    title: str
    version: int
    smallest: int
    compare: Callable[[Image, Image], Score]
    view: Callable[[Image, Image, Score], tuple[Image, Image]] | None

    def score(self, sr: Image, hr: Image) -> Score:
        """Score a SR image. Raises UsageError if sizes differ or are too small: nothing is cropped silently."""
        if sr.shape != hr.shape:
            sizes = f"{sr.shape[1]}x{sr.shape[0]}, the ground truth {hr.shape[1]}x{hr.shape[0]}"
            raise UsageError(f"the result is {sizes}: sizes must be equal, crop or enlarge the right one yourself")
        if min(hr.shape[:2]) < self.smallest:
            least = f"{self.smallest}x{self.smallest}"
            raise UsageError(f"protocol {self.name} needs images of {least} or more: got {hr.shape[1]}x{hr.shape[0]}")
        return self.compare(sr, hr)
