"""The catalog of what exists: one line for each method, metric, protocol, degradation, kind of data set and executor."""
