"""Figures of a report, as SVG for light and for dark surroundings."""
