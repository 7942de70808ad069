"""Execution of plans: order and place of the cells' computation, results folder, progress, simulation."""
