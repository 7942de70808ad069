"""Escaping of texts for Markdown and CSV, and formatting of numbers and counts."""

from __future__ import annotations

import re

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def markdown(text: str) -> str:
    """Escape a text for Markdown: no column, link, image, code, emphasis or element begins in it."""
    return re.sub(r"([|<>*`\[\]\\])", r"\\\1", " ".join(text.split()))


def csv_text(text: str) -> str:
    """Escape a text for spreadsheets: a text that would be a formula gets an apostrophe before it.

    >>> csv_text("=cmd|' /C calc'!A0"), csv_text("edsr")
    ("'=cmd|' /C calc'!A0", 'edsr')
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def number(value: float, digits: int, sign: str = "") -> str:
    """Format a number for tables: ∞ for infinity, such as the PSNR of identical images, – for NaN.

    >>> number(25.1264, 2), number(0.5, 1, "+"), number(float("inf"), 2)
    ('25.13', '+0.5', '∞')
    """
    return f"{value:{sign}.{digits}f}".replace("inf", "∞").replace("nan", "–")


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "photograph"), counted(5, "photograph")
    ('1 photograph', '5 photographs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"
