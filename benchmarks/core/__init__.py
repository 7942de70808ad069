"""Foundations of the packages: errors, files, strict parsing, command lines, interruption, offline mode, progress, code digests."""
