"""Training on several processes, started by ``torchrun``: each computes its share of a batch, and all make the same update.

The gradient of a step is that of a single process on the joined batch, up to rounding:

- every process draws the positions and random numbers of the whole batch, and takes its own share of them;
- losses are means over a batch, so the mean of the processes' gradients is the gradient. Gradients are averaged when an optimiser
  steps, once for all its networks. A wrapper around each network (``DistributedDataParallel``) does not fit: here a network has
  several losses and optimisers, and is frozen for parts of a step;
- BatchNorm sees the joined batch (``SyncedBatchNorm``; torch's own exists for GPUs only).

Only the first process writes. All need the same folder of results and the same data.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib import import_module

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.optim import Optimizer

from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.data.pixels.patches import to_device

TIMEOUT = timedelta(days=7)  # longest wait for another process: the others wait while the first evaluates


def start() -> None:
    """Join the process group that ``torchrun`` describes in the environment. Raises UsageError if it describes none."""
    # Default arguments of this module hold the group that exists when torch imports it, at the first step of an optimiser. The
    # group's threads would then outlive ``leave``, and now and then abort the process at its exit.
    import_module("torch.distributed.nn")
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group(timeout=TIMEOUT)
    except (ValueError, KeyError, RuntimeError) as error:
        raise UsageError(f"WORLD_SIZE is set, but the processes do not meet ({error}): start them by torchrun") from error


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process; the first is 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def announce(cell: str | None) -> None:
    """Tell the other processes, from the first, to take part in a training.

    Args:
        cell: id of the training cell; None for the end of the run.
    """
    if size() > 1:
        dist.broadcast_object_list([cell])


def announced() -> str | None:
    """Wait, in a process other than the first, for the next announcement: the id of a cell, or None at the end of the run."""
    announcement: list[str | None] = [None]
    dist.broadcast_object_list(announcement)
    return announcement[0]


def leave() -> None:
    """Leave the process group. Processes that wait for this one get an error, and ``torchrun`` ends them."""
    if dist.is_initialized():
        dist.destroy_process_group()


def own_share(batch_size: int) -> slice:
    """Slice of a batch that this process computes. Raises UsageError if the batch cannot be shared out evenly."""
    if batch_size % size():
        raise UsageError(f"batch_size {batch_size} cannot be shared out among {size()} processes: make it a multiple")
    share = batch_size // size()
    return slice(rank() * share, (rank() + 1) * share)


def noise_like(images: Tensor, parts: int = 1) -> Tensor:
    """Standard normal noise: this process's share of the noise of a whole batch, which every process draws.

    Args:
        images: this process's share of the images, ``(N, C, H, W)``.
        parts: number of batches that are joined in ``images``, each shared out by itself.

    Returns:
        Noise of the shape, type and device of ``images``, in channels-last memory.
    """
    count, channels, height, width = images.shape
    noise = torch.randn(parts, size(), count // parts, height, width, channels)
    own = noise[:, rank()].reshape(count, height, width, channels)
    return to_device(own, images.device).permute(0, 3, 1, 2).to(images.dtype)


def mean_values(values: Sequence[Tensor]) -> Tensor:
    """Means of scalar tensors over all processes, ``(N,)`` float32 on the device."""
    stacked = torch.stack([value.float() for value in values])
    if size() > 1:
        dist.all_reduce(stacked)
        stacked /= size()
    return stacked


def joined(images: Tensor) -> Tensor:
    """Whole batch ``(N, C, H, W)``, put together from the shares of all processes."""
    if size() == 1:
        return images
    own = images.detach().contiguous()
    shares = [torch.empty_like(own) for _ in range(size())]
    dist.all_gather(shares, own)
    return torch.cat(shares)


def prepare(networks: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> None:
    """Make networks and optimisers work on shares of a batch; a single process leaves them as they are."""
    if size() == 1:
        return
    for module in (module for network in networks.values() for module in network.modules()):
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm
    for optimizer in optimizers.values():
        optimizer.register_step_pre_hook(_average_gradients)
    check_equal(networks)


def check_equal(networks: Mapping[str, nn.Module]) -> None:
    """Raise BenchmarkError if the weights of two processes differ in a single bit."""
    if size() == 1:
        return
    digest = hashlib.sha256()
    for network in networks.values():
        for tensor in network.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digests: list[str | None] = [None] * size()
    dist.all_gather_object(digests, digest.hexdigest())
    if len(set(digests)) > 1:
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
    """Differentiable sum over all processes. The loss of every process depends on it, so gradients are summed as well."""

    @staticmethod
    def forward(ctx: object, own: Tensor) -> Tensor:
        return _summed(own)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(own: Tensor) -> Tensor:
    total = own.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


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
