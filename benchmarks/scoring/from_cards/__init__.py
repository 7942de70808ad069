"""Metrics whose weights come by card: DISTS, NIQE, and pyiqa's learned metrics."""
