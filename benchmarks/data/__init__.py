"""Data sets: cards and their kinds, downloads, decoded images, training patches."""
