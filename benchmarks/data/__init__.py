"""Data sets on this machine: cards and kinds, downloads, decoded images, training patches."""
