"""Scores: metrics, protocols, alignment, statistics, and inference of the images that are scored."""
