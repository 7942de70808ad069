"""Executors, one in each file: where cells are computed. No method and no cell knows which one runs it."""
