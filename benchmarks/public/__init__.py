"""The public API behind ``import benchmarks``: images are scored, models benchmarked, data sets loaded."""
