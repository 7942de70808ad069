"""Degradations: seeded HR -> LR operators, one a file."""
