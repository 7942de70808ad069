"""Submissions: SR images that somebody else made, of which only the scores were computed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from typing import Annotated

from msgspec import Meta

CODE = "images:"  # begins the code of a submission, and the digest of its images follows

Line = Annotated[str, Meta(max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[str, Meta(pattern=r"^(https?://\S+)?\Z", max_length=500)]
Family = Annotated[str, Meta(max_length=60)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


@dataclass(frozen=True)
class SubmissionCard:
    """Authors' description of a submitted method: the content of a file ``card.toml``. Nothing of it is checked.

    Attributes:
        title: full name of the method, or title of its paper.
        authors: of the method.
        family: data that the method may see, best as the catalog names it (``python -m benchmarks.run --list``).
        url: of the paper or the code.
        trained_on: data that the method was trained on.
        licence: terms of the images.
        note: remark for readers.
        by: person or group that made the images.
    """

    title: Line = ""
    authors: Line = ""
    family: Family = ""
    url: Url = ""
    trained_on: Line = ""
    licence: Line = ""
    note: Line = ""
    by: Line = ""

    def texts(self) -> Iterator[str]:
        """All texts."""
        yield from astuple(self)


@dataclass(frozen=True)
class Submission:
    """Origin of submitted SR images.

    Attributes:
        card: the authors' description.
        scored_by: person or machine that ran the scoring.
        images: SHA-256 of each image file, by name of the image.
    """

    card: SubmissionCard = field(default_factory=SubmissionCard)
    scored_by: Line = ""
    images: dict[Name, Digest] = field(default_factory=dict)

    def texts(self) -> Iterator[str]:
        """Names and texts that tables show."""
        yield from self.card.texts()
        yield self.scored_by
        yield from self.images
