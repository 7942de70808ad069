"""The device of this process."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """GPU of this process, or the CPU if there is no GPU. Random numbers are always drawn on the CPU."""
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else torch.device("cpu")
