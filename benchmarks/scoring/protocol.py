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
        compute_ssim: computes the SSIM; called where SSIM is asked for.
        shift: shift ``(dy, dx)`` with the best PSNR; None under a protocol that does not align.
    """

    psnr: float
    compute_ssim: Callable[[], float]
    shift: Shift | None = None

    @property
    def ssim(self) -> float:
        """SSIM."""
        return self.compute_ssim()


@dataclass(frozen=True)
class Protocol:
    """A named, versioned way to score a SR image against its HR image.

    Attributes:
        name: name in tables and result files.
        title: a line for lists.
        version: version of the definition; it changes whenever a number could.
        smallest: shortest side, in pixels, of an image that has a PSNR and a SSIM.
        compare: function of SR and HR image, ``(H, W, 3)`` uint8 RGB of the same size, that returns their scores.
        view: function of SR image, HR image and their score that cuts both images for other metrics, uint8 RGB; None if the
            protocol is defined for PSNR and SSIM only.
        smallest_psnr: shortest side of an image that has a PSNR; ``smallest`` if None.
    """

    name: str
    title: str
    version: int
    smallest: int
    compare: Callable[[Image, Image], Score]
    view: Callable[[Image, Image, Score], tuple[Image, Image]] | None
    smallest_psnr: int | None = None

    def score(self, sr: Image, hr: Image, *, with_ssim: bool = True) -> Score:
        """Score a SR image; without SSIM the images may be smaller.

        Raises:
            UsageError: sizes differ or are too small: nothing is cropped silently.
        """
        if sr.shape != hr.shape:
            sizes = f"{sr.shape[1]}x{sr.shape[0]}, the ground truth {hr.shape[1]}x{hr.shape[0]}"
            raise UsageError(f"the result is {sizes}: sizes must be equal: crop or resize one of the two")
        side, smallest_psnr = min(hr.shape[:2]), self.smallest if self.smallest_psnr is None else self.smallest_psnr
        if side < (self.smallest if with_ssim else smallest_psnr):
            least = f"{self.smallest}x{self.smallest}" if with_ssim else f"{smallest_psnr}x{smallest_psnr}"
            mend = f" (PSNR alone {smallest_psnr}x{smallest_psnr})" if with_ssim and side >= smallest_psnr else ""
            size = f"{hr.shape[1]}x{hr.shape[0]}"
            raise UsageError(
                f"protocol {self.name} needs images of {least} or more{mend}: got {size}: use larger images or another protocol"
            )
        return self.compare(sr, hr)
