"""Types of fields of cards, with their bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # of a folder or file that is made here
Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]  # SHA-256
Scale = Annotated[int, Meta(ge=1)]
