"""A plug-in of cincgan-benchmark: one addition to each part of the catalog."""
