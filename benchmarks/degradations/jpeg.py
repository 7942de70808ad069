"""Loss of JPEG compression, computed rather than encoded.

The bytes of a JPEG file, and the pixels of its decoding, depend on the library and its version. Only quantisation loses anything:
colours to YCbCr, chroma halved, the discrete cosine transform of 8x8 blocks rounded to multiples of a table. Here these steps are
plain arithmetic, so that results do not depend on a library. Source: ITU-T T.81, tables K.1 and K.2; the scaling of the tables by
quality is libjpeg's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import FloatImage
from benchmarks.degradations.resizing import resize
from benchmarks.degradations.rounding import to_uint8

BLOCK = 8
TIE = 1e-6  # of a quantisation step: halves are rounded up although floating-point errors may have lowered them
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])
LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMA_TABLE = np.full((BLOCK, BLOCK), 99)
CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def jpeg(image: FloatImage, quality: int) -> FloatImage:
    """Image after JPEG compression with chroma at half the resolution (4:2:0).

    Args:
        image: ``(H, W, 3)`` on the 0-255 scale; rounded to 8 bits first.
        quality: 1 to 100, as libjpeg counts.

    Returns:
        The same shape; whole numbers from 0 to 255.
    """
    height, width = image.shape[:2]
    border = ((0, -height % (2 * BLOCK)), (0, -width % (2 * BLOCK)), (0, 0))
    pixels = np.pad(to_uint8(image).astype(np.float64), border, mode="edge")
    rows, columns = pixels.shape[:2]
    luma_and_chroma = pixels @ TO_YCC.T
    chroma = resize(luma_and_chroma[..., 1:], rows // 2, columns // 2, "area")
    luma = _quantised(luma_and_chroma[..., 0] - 128, _scaled(LUMA_TABLE, quality)) + 128
    chroma = np.stack([_quantised(chroma[..., c], _scaled(CHROMA_TABLE, quality)) for c in range(2)], axis=-1)
    enlarged = resize(chroma, rows, columns, "bilinear")
    decoded = np.concatenate([luma[..., None], enlarged], axis=-1) @ TO_RGB.T
    return to_uint8(decoded[:height, :width]).astype(np.float64)


def _scaled(table: NDArray[np.int64], quality: int) -> NDArray[np.int64]:
    """Table of quantisation steps for a quality; the tables themselves are for 50."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((table * percent + 50) // 100, 1, 255)


def _quantised(channel: NDArray[np.float64], table: NDArray[np.int64]) -> NDArray[np.float64]:
    """A channel ``(H, W)``, sides multiples of 8, with the coefficients of its blocks rounded to multiples of the table."""
    from scipy.fft import dctn, idctn

    rows, columns = channel.shape
    blocks = channel.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    coefficients = dctn(blocks, axes=(1, 3), norm="ortho") / table[:, None, :]
    rounded = np.floor(coefficients + 0.5 + TIE) * table[:, None, :]
    decoded: NDArray[np.float64] = idctn(rounded, axes=(1, 3), norm="ortho").reshape(rows, columns)
    return decoded
