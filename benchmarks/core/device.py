"""Where this process computes."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """This process's own GPU where there is one, or the CPU. Random numbers are always the CPU's."""
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else torch.device("cpu")
