"""Random numbers of methods and metrics: they follow from an image alone, not from images, tiles and cells before it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.api.image import Image

if TYPE_CHECKING:
    import torch


@contextmanager
def seeded(*images: Image, device: torch.device | None = None) -> Iterator[None]:
    """Inside the block the global generators of torch, NumPy and Python follow from images; afterwards they are as before.

    Args:
        images: of any shape; without any, the generators start from the same state every time.
        device: its generator is seeded too, if it is a GPU.
    """
    import torch

    digest = hashlib.sha256()
    for image in images:
        digest.update(repr(image.shape).encode() + image.tobytes())
    seed = int.from_bytes(digest.digest()[:4], "little")
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if device and device.type == "cuda" else []):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
