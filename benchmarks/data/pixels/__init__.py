"""Pixels of a data set: decoded image files, LR and HR images, training patches."""
