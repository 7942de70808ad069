"""Protocols of comparison, one in each file. ``docs/protocols.md`` has formulas, sources and traps."""
