"""One training on several processes, started by ``torchrun``: each computes its share of every batch, all make the same update.

The gradient of a step is that of one process on the joined batch, up to rounding:

- every process draws the whole batch's places and random numbers, and takes its own share of them;
- losses are means over a batch, so the mean of the processes' gradients is the gradient. It is taken as an optimiser steps,
  once for all its networks: one network has several losses and optimisers here, and is at times frozen, which a wrapper
  around each network (``DistributedDataParallel``) would have to be told each time;
- BatchNorm sees the joined batch (``SyncedBatchNorm``; torch's own exists for GPUs only).

Only the first process writes. All need the same folder of results and the same data.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.optim import Optimizer

from benchmarks.core.errors import BenchmarkError, UsageError

PATIENCE = timedelta(days=7)  # of the others, while the first evaluates


def start() -> None:
    """Join the group that ``torchrun`` describes in the environment. Raises UsageError where it does not."""
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group(timeout=PATIENCE)
    except (ValueError, KeyError, RuntimeError) as error:
        raise UsageError(f"WORLD_SIZE is set, but the processes do not meet ({error}): start them by torchrun") from error


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This one's number; the first is 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def announce(cell: str | None) -> None:
    """From the first process: the others take part in the training of the cell with this id; None sends them home."""
    if size() > 1:
        dist.broadcast_object_list([cell])


def announced() -> str | None:
    """In the others: what the first announces next."""
    heard: list[str | None] = [None]
    dist.broadcast_object_list(heard)
    return heard[0]


def leave() -> None:
    """Leave the group. Those who wait for this process get an error, and ``torchrun`` ends them."""
    if dist.is_initialized():
        dist.destroy_process_group()


def own_share(batch_size: int) -> slice:
    """This process's part of a batch. Raises UsageError where it cannot be shared out evenly."""
    if batch_size % size():
        raise UsageError(f"batch_size {batch_size} cannot be shared out among {size()} processes: make it a multiple")
    share = batch_size // size()
    return slice(rank() * share, (rank() + 1) * share)


def noise_like(images: Tensor, parts: int = 1) -> Tensor:
    """Normal random numbers of the shape of ``(N, C, H, W)`` images, channels last; other processes have other numbers.

    Args:
        images: this process's.
        parts: how many batches are joined in them, each shared out by itself.
    """
    count, channels, height, width = images.shape
    drawn = torch.randn(parts, size(), count // parts, height, width, channels)
    return drawn[:, rank()].reshape(count, height, width, channels).permute(0, 3, 1, 2).to(images)


def mean_values(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Scalars as numbers, each the mean over all processes; read from the device at once."""
    if not values:
        return {}
    stacked = torch.stack([value.float() for value in values.values()])
    if size() > 1:
        dist.all_reduce(stacked)
        stacked /= size()
    return dict(zip(values, stacked.tolist(), strict=True))


def joined(images: Tensor) -> Tensor:
    """The batch whose shares all processes have."""
    if size() == 1:
        return images
    own = images.detach().contiguous()
    shares = [torch.empty_like(own) for _ in range(size())]
    dist.all_gather(shares, own)
    return torch.cat(shares)


def prepare(networks: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> None:
    """Make networks and optimisers work on shares of a batch. Nothing to do for one process."""
    if size() == 1:
        return
    for module in (module for network in networks.values() for module in network.modules()):
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm
    for optimizer in optimizers.values():
        optimizer.register_step_pre_hook(_average_gradients)
    check_equal(networks)


def check_equal(networks: Mapping[str, nn.Module]) -> None:
    """Raise BenchmarkError where the weights of the processes differ in a single bit."""
    if size() == 1:
        return
    digest = hashlib.sha256()
    for network in networks.values():
        for tensor in network.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    found: list[str | None] = [None] * size()
    dist.all_gather_object(found, digest.hexdigest())
    if len(set(found)) > 1:
        raise BenchmarkError(f"the weights of the {size()} processes have come apart: start again from the last checkpoint")


def _average_gradients(optimizer: Optimizer, *_: object) -> None:
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= size()
    means = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose losses all depend on it."""

    @staticmethod
    def forward(ctx: object, own: Tensor) -> Tensor:
        return _summed(own)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(own: Tensor) -> Tensor:
    result = own.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(result)
    return result


class SyncedBatchNorm(nn.BatchNorm2d):
    """BatchNorm over the joined batch in training."""

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> the same shape."""
        if not self.training:
            return super().forward(image)
        values, across = image.float(), (0, 2, 3)
        count = values.numel() // values.shape[1] * size()
        mean: Tensor = _Sum.apply(values.sum(across)) / count
        centred = values - mean.view(1, -1, 1, 1)
        variance: Tensor = _Sum.apply(centred.square().sum(across)) / count
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum or 0.0)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum or 0.0)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(image)
