"""Names and texts of others inside formats that give some characters a meaning."""

from __future__ import annotations

import re

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def markdown(text: str) -> str:
    """Text that Markdown takes as it is: no column, link, image, code, emphasis or element begins in it."""
    return re.sub(r"([|<>*`\[\]\\])", r"\\\1", " ".join(text.split()))


def csv_text(text: str) -> str:
    """Text that a spreadsheet takes for text: what would be a formula gets an apostrophe before it, as spreadsheets have it.

    >>> csv_text("=cmd|' /C calc'!A0"), csv_text("edsr")
    ("'=cmd|' /C calc'!A0", 'edsr')
    """
    return f"'{text}" if text.startswith(FORMULA) else text
