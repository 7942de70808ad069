"""Lazy imports: objects by the text ``module:Name``, imported on use."""

from __future__ import annotations

import importlib
from typing import Any


def resolve(target: str) -> Any:
    """Import the object that ``module:Name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def module_of(target: str) -> str:
    """The module of ``module:Name``."""
    return target.partition(":")[0]
