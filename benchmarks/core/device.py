"""The device of this process."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import torch

from benchmarks.core.errors import one_line

DEVICES = Path("/dev")


def device() -> torch.device:
    """GPU of this process, or the CPU if there is no GPU. Random numbers are always drawn on the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())  # processes that train together have chosen theirs
    _say_unusable_gpu()
    return torch.device("cpu")


@cache
def _say_unusable_gpu() -> None:
    """Print a line, once, if this machine has an NVIDIA GPU that torch cannot use, unless all are hidden from this process."""
    if not any(DEVICES.glob("nvidia[0-9]*")) or os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        reason = "no reason is given"
    except (RuntimeError, AssertionError) as error:
        reason = one_line(str(error).partition("\n")[0])
    print(f"the GPU of this machine cannot be used, so the CPU computes: {reason}", file=sys.stderr)


def rounds_to_tf32() -> bool:
    """True if convolutions of float32 tensors round their inputs to TF32 on the device: torch's default on GPUs that can."""
    on_gpu = device().type == "cuda"
    return on_gpu and torch.backends.cudnn.allow_tf32 and torch.cuda.get_device_capability()[0] >= 8
