"""BasicSR as an oracle: tests that compare with it are skipped where it is not installed, as from Python 3.13 on."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from torch import nn

from benchmarks.measuring.basicsr_oracles import is_installed, prepare_import

needs_basicsr = pytest.mark.skipif(not is_installed(), reason="BasicSR is not installed: its build fails from Python 3.13 on")


def basicsr_network(module: str, name: str, **options: Any) -> nn.Module:
    """Network of ``basicsr.archs``."""
    prepare_import()
    network: nn.Module = getattr(import_module(f"basicsr.archs.{module}"), name)(**options)
    return network
