"""Folders of the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # holds benchmarks/, cincgan/, baselines/, datasets/ and reports/
CARDS = ROOT / "datasets"  # cards of data sets; cards of weights are in the subfolder weights
