"""Intervals over photographs and trainings, significance of differences, and the study of their coverage."""
