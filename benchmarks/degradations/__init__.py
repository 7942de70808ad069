"""Degradations: seeded HR -> LR operators, one in each file."""
