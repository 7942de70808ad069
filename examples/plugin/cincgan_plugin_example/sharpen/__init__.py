"""Bicubic enlargement with unsharp masking."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = (
    MethodEntry(
        "sharpened", "bicubic enlargement, sharpened", "cincgan_plugin_example.sharpen.method:Sharpened", family="interpolation"
    ),
)
