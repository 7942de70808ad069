"""Names of files and folders in a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CELLS = "cells"  # a folder for each cell
JOBS = "jobs"  # files of SLURM jobs: logs, and submitit's own
MLFLOW_DATABASE = "mlflow.db"
MLFLOW_ARTIFACTS = "mlartifacts"

# In a cell's folder:
RESULT = "result.json"
WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.pt"  # while a training runs
SAMPLES = "samples"  # PNG files of SR images
SAMPLE_IMAGES = 6  # SR images of an evaluation that are stored, or shown where all are stored
MIRROR_NOTE = "mlflow.json"  # names the MLflow run that has the result
ERROR = "error.txt"  # the traceback of an unexpected error
JOB_PROGRESS = "progress.json"  # of a SLURM job: steps or images done, their total number, latest losses
JOB_OUTCOME = "outcome.json"  # of a SLURM job: an error, or an empty object


def result_files(root: Path, kind: str = "*") -> list[Path]:
    """Result files in a results folder, sorted by the names of their cells; of one kind of cell where it is given."""
    pattern = f"{CELLS}/{kind if kind == '*' else f'{kind}-*'}/{RESULT}"
    return sorted(root.glob(pattern), key=lambda path: path.parent.name)


def sample_names(names: Sequence[str]) -> list[str]:
    """Up to ``SAMPLE_IMAGES`` names, spread over all of them."""
    return list(names[:: max(1, len(names) // SAMPLE_IMAGES)][:SAMPLE_IMAGES])


def cell_folder_name(kind: str, label: str, dataset: str, seed: int | None, cell_id: str) -> str:
    """Name of a cell's folder: ``<kind>-<label>-<dataset>-seed<N>-<id>``."""
    seeded = "" if seed is None else f"-seed{seed}"
    return f"{kind}-{label.replace('/', '.')}-{dataset}{seeded}-{cell_id}"
