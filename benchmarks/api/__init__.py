"""Declarations of methods, metrics, protocols and degradations: entries of the catalog, settings, interfaces.

Nothing here computes. Base classes with arithmetic of their own are in the packages where numbers are decided:
``benchmarks.training.stage.Stage``, ``benchmarks.scoring.protocol.Protocol``, ``benchmarks.degradations.operator.Degradation``.
"""
