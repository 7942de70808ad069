"""Texts and numbers inside formats that give some characters a meaning."""

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


def number(value: float, digits: int, sign: str = "") -> str:
    """A number as tables print it; ∞ for PSNR of identical images.

    >>> number(25.1264, 2), number(0.5, 1, "+"), number(float("inf"), 2)
    ('25.13', '+0.5', '∞')
    """
    return f"{value:{sign}.{digits}f}".replace("inf", "∞").replace("nan", "–")
