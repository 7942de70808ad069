"""Bicubic interpolation, MATLAB-compatible: the field's untrained baseline."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = (MethodEntry("bicubic", "bicubic interpolation, untrained", "baselines.bicubic.method:Bicubic", "interpolation"),)
