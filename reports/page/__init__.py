"""The page of a report: its files, sample images, the viewer, the origin of every number."""
