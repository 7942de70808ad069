"""Published weights of EDSR x4, of its authors' EDSR-PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import fetch, load_weight_card

CONVOLUTIONS = {"tail.0.0": "upsample.0", "tail.0.2": "upsample.2", "tail.1": "conv_last"}  # x4; the others follow below
SHIFTS = ("sub_mean.", "add_mean.")  # the mean colour as layers, which our network has as a constant


def published_edsr(card: str, blocks: int) -> dict[str, Tensor]:
    """State of EDSR with the weights of a card.

    Args:
        card: name of a card of weights with the role ``sr``.
        blocks: number of residual blocks of the network.

    Raises:
        WeightsMissing: the weights are neither cached nor obtainable.
        UsageError: the file holds no weights of EDSR x4 with so many blocks.
    """
    path: Path = fetch(load_weight_card(card))["sr"]
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise UsageError(
            f"weights '{card}': {path} cannot be read ({error.__class__.__name__}): remove it, then run again"
        ) from error
    return convert(state, blocks, card)


def convert(state: Mapping[str, Tensor], blocks: int, card: str) -> dict[str, Tensor]:
    """Names of EDSR-PyTorch's parameters to our network's. Raises UsageError if parameters are missing or unknown."""
    names = {
        f"{old}.{kind}": f"{new}.{kind}"
        for old, new in [("head.0", "conv_first"), *_body(blocks), *CONVOLUTIONS.items()]
        for kind in ("weight", "bias")
    }
    own = {name for name in state if not name.startswith(SHIFTS)}
    if own != names.keys():
        differing = min(own ^ names.keys())
        raise UsageError(
            f"weights '{card}': {differing} is not as in EDSR x4 with {blocks} blocks: set blocks as the card's title says"
        )
    return {new: state[old] for old, new in names.items()}


def _body(blocks: int) -> Iterator[tuple[str, str]]:
    for block in range(blocks):
        yield f"body.{block}.body.0", f"body.{block}.conv1"
        yield f"body.{block}.body.2", f"body.{block}.conv2"
    yield f"body.{blocks}", "conv_after_body"
