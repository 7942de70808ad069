"""Modules that can be called like a function, for public names that packages and commands have too."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A module that passes calls on to the function that ``__wrapped_target__`` names, ``module:function``."""

    __wrapped_target__: str

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function."""
        return _function(self.__wrapped_target__)(*arguments, **options)

    @property
    def __signature__(self) -> Any:
        """Signature of the function, for ``inspect.signature`` and ``help``."""
        from inspect import signature

        return signature(_function(self.__wrapped_target__))


def make_callable(module: str, target: str) -> None:
    """Let an imported module be called like a function, which is imported by the first call.

    Args:
        module: ``__name__`` of the module.
        target: the function, ``module:function``.
    """
    sys.modules[module].__class__ = CallableModule
    sys.modules[module].__dict__["__wrapped_target__"] = target


def _function(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
