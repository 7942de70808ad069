"""Exports of results in formats of other sites: model cards, evaluation results, rows of CSV, Croissant, RO-Crate."""
