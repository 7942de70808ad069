"""Designed studies of methods' settings: comparisons of their configurations, a verdict, a page."""
