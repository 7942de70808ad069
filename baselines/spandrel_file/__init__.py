"""Checkpoints that others have released, in any network that the package spandrel recognises (extra ``spandrel``, MIT)."""
