"""The form of a protocol: how two images are compared. A number without its protocol is not a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.api.image import Image
from benchmarks.core.errors import UsageError
from benchmarks.scoring.alignment import Shift


@dataclass(frozen=True)
class Score:
    """PSNR in dB and SSIM of an image; where the protocol aligns, the shift ``(dy, dx)`` that PSNR was best at."""

    psnr: float
    ssim: float
    shift: Shift | None = None


@dataclass(frozen=True)
class Protocol:
    """A named, versioned way to score a SR image against its HR image.

    Attributes:
        name: in tables and result files.
        title: a line for lists.
        version: changes whenever a number could.
        smallest: shortest side, in pixels, of an image that can be scored.
        compare: ``(sr, hr)``, both ``(H, W, 3)`` uint8 RGB of one size, to PSNR and SSIM.
        view: the two images as every other metric sees them, uint8 RGB; None where other metrics see nothing.
    """

    name: str
    title: str
    version: int
    smallest: int
    compare: Callable[[Image, Image], Score]
    view: Callable[[Image, Image, Score], tuple[Image, Image]] | None

    def score(self, sr: Image, hr: Image) -> Score:
        """Score an image. Raises UsageError where sizes differ or are too small: nothing is cropped silently."""
        if sr.shape != hr.shape:
            sizes = f"{sr.shape[1]}x{sr.shape[0]}, the ground truth {hr.shape[1]}x{hr.shape[0]}"
            raise UsageError(f"the result is {sizes}: sizes must be equal, crop or enlarge the right one yourself")
        if min(hr.shape[:2]) < self.smallest:
            least = f"{self.smallest}x{self.smallest}"
            raise UsageError(f"protocol {self.name} needs images of {least} or more: got {hr.shape[1]}x{hr.shape[0]}")
        return self.compare(sr, hr)
