"""Construction of methods for evaluation cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from benchmarks.api.contract import check_method
from benchmarks.api.method import Method, TrainedStage
from benchmarks.core.device import device
from benchmarks.scoring.seeding import seeded


@contextmanager
def built_method(cls: type[Method], stages: Mapping[str, TrainedStage], scale: int, threads: int) -> Iterator[Method]:
    """A method from its trained stages, on the device. Inside the block no convolution rounds float32 tensors to TF32.

    Args:
        cls: class of the method.
        stages: trained stages by name; none for an untrained method.
        scale: HR pixels per LR pixel.
        threads: torch's threads on a CPU.

    Raises:
        BenchmarkError: the method breaks the contract of ``api.contract``.
    """
    torch.set_num_threads(threads)
    with device(), seeded(device=device()):  # networks are made on the device
        method = cls.from_stages(stages, scale)
    check_method(method, scale)
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield method
    finally:
        torch.backends.cudnn.allow_tf32 = before
