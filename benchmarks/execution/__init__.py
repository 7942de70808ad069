"""Execution of plans: when cells are computed, where, and what is kept of them."""
