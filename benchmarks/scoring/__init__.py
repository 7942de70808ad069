"""Scores: metrics, protocols, alignment, and inference of the images that are scored."""
