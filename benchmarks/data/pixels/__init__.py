"""Pixels: files to decoded images, to LR and HR images, to training patches."""
