"""Kinds of data sets, one in each file: how a card names the images of its splits."""
