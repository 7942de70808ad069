"""Executors, which compute cells in this process, on a Ray cluster or as SLURM jobs. Cells and methods do not know them."""
