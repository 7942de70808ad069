"""Foundations: errors, files, strict parsing, command lines, interruption, offline mode, progress, code digests."""
