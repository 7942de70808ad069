"""Resemblance of results and ground truths at low resolution: a score of another picture looks like any other score.

Images are compared as thumbnails of 16x16 block means, which noise, blur and shifts of a few pixels hardly move. The error of two
images is the mean squared difference of their thumbnails.

- A result is *exchanged* if its error to another ground truth is less than a quarter of that to its own (6 dB), and less than a
  quarter of the error of a plain colour, the mean of that ground truth, while that to its own is more.
- A result is *unlike* its ground truth if it is not exchanged, a plain colour would have no larger error, and its correlation to
  the ground truth is below one half: a picture that is only brighter or of less contrast is still the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.api.image import Image

SIDE = 16  # pixels of a thumbnail
CLEARLY = 4.0  # ratio of errors
ALIKE = 0.5  # correlation
LEAST = 16.0  # mean squared error in 8-bit levels: thumbnails that differ by less look alike, whatever their contrast

Thumbnail = NDArray[np.float32]  # (16, 16, 3)
Shift = tuple[float, float]  # of the result, as fractions of height and width
NOT_SHIFTED = (0.0, 0.0)


def thumbnail(image: Image) -> Thumbnail:
    """Means of 16x16 blocks of an image ``(H, W, 3)`` uint8 RGB."""
    from PIL import Image as PillowImage

    small = PillowImage.fromarray(image).resize((SIDE, SIDE), PillowImage.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def exchanged(
    results: Mapping[str, Thumbnail], truths: Mapping[str, Thumbnail], shifts: Mapping[str, Shift] | None = None
) -> dict[str, str]:
    """Names of results that are exchanged, each with the name of the ground truth that it resembles most.

    Args:
        results: thumbnails of results by name.
        truths: thumbnails of ground truths by the same names.
        shifts: of results whose protocol aligns, by name.
    """
    names, every = list(truths), np.array(list(truths.values()))
    found = {}
    for name, result in results.items():
        own, plain = _errors(*_overlap(result, truths[name], (shifts or {}).get(name, NOT_SHIFTED)))
        if own > plain / CLEARLY and own > LEAST:
            errors = ((every - result) ** 2).mean(axis=(1, 2, 3))
            nearest = int(errors.argmin())
            is_alike = errors[nearest] < _errors(result, truths[names[nearest]])[1] / CLEARLY
            if CLEARLY * errors[nearest] < own and is_alike and names[nearest] != name:
                found[name] = names[nearest]
    return found


def unlike(
    results: Mapping[str, Thumbnail], truths: Mapping[str, Thumbnail], shifts: Mapping[str, Shift] | None = None
) -> list[str]:
    """Names of results that are unlike their ground truths, exchanged ones among them. Arguments as of ``exchanged``."""
    names = []
    for name, result in results.items():
        overlap = _overlap(result, truths[name], (shifts or {}).get(name, NOT_SHIFTED))
        own, plain = _errors(*overlap)
        if own >= plain and own > LEAST and _correlation(*overlap) < ALIKE:
            names.append(name)
    return names


def in_words(others: Mapping[str, str]) -> list[str]:
    """Names of exchanged results: ``a and b exchanged`` where two have each other's, else ``a as b``."""
    pairs = [(name, other) for name, other in others.items() if others.get(other) == name and name < other]
    single = [f"{name} as {other}" for name, other in others.items() if others.get(other) != name]
    return [*(f"{first} and {second} exchanged" for first, second in pairs), *single]


def _overlap(result: Thumbnail, truth: Thumbnail, shift: Shift) -> tuple[Thumbnail, Thumbnail]:
    """Parts of a shifted result and of its ground truth that lie on each other."""
    for axis, fraction in enumerate(shift):
        cells = min(SIDE - 1, round(abs(fraction) * SIDE))
        late, early = slice(cells, SIDE), slice(0, SIDE - cells)
        of_result, of_truth = (late, early) if fraction > 0 else (early, late)
        index = (slice(None),) * axis
        result, truth = result[(*index, of_result)], truth[(*index, of_truth)]
    return result, truth


def _errors(result: Thumbnail, truth: Thumbnail) -> tuple[float, float]:
    """Mean squared errors of a result, and of a plain colour in its place."""
    return float(((result - truth) ** 2).mean()), float((_contrast(truth) ** 2).mean())


def _correlation(result: Thumbnail, truth: Thumbnail) -> float:
    """Correlation over pixels and channels, each less its mean; 0 if one of the images is plain."""
    first, second = _contrast(result), _contrast(truth)
    norm = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / norm if norm else 0.0


def _contrast(image: Thumbnail) -> Thumbnail:
    """An image less its mean colour."""
    return np.asarray(image - image.mean(axis=(0, 1)))
