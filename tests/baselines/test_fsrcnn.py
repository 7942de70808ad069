"""FSRCNN: its published size, and the enlargement of luma alone."""

from __future__ import annotations

import torch

from baselines.bicubic.method import Bicubic
from baselines.fsrcnn.network import FSRCNNNetwork
from baselines.fsrcnn.settings import FSRCNNSettings
from tests.helpers.stages import PROFILE


def test_fsrcnn_has_the_published_number_of_filter_weights() -> None:
    """FSRCNN(56, 12, 4): 12,464, table 1 of Dong et al., ECCV 2016, which leaves out biases and PReLU slopes."""
    network = FSRCNNNetwork(FSRCNNSettings(PROFILE.stages["fsrcnn"].training, features=56, shrunk=12, mappings=4), 4)
    filters = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim == 4)
    assert filters == 12_464 == 5 * 5 * 56 + 56 * 12 + 4 * 3 * 3 * 12 * 12 + 12 * 56 + 9 * 9 * 56


def test_fsrcnn_enlarges_luma_and_leaves_colour_differences_to_bicubic() -> None:
    network = FSRCNNNetwork(PROFILE.stages["fsrcnn"], 4)
    lr = torch.rand(2, 3, 12, 10)
    sr = network(lr)
    bicubic = Bicubic(4)(lr)
    assert sr.shape == (2, 3, 48, 40)
    assert torch.allclose(sr[:, 0] - sr[:, 1], bicubic[:, 0] - bicubic[:, 1], atol=1e-5)
    assert torch.allclose(sr[:, 2] - sr[:, 1], bicubic[:, 2] - bicubic[:, 1], atol=1e-5)
