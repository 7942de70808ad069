"""Escaping of texts for Markdown and CSV, and formatting of numbers and counts."""

from __future__ import annotations

import re

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # characters that begin a formula
MARK = "'"  # what spreadsheets take for the beginning of a text


def markdown(text: str) -> str:
    """Escape a text for Markdown: no column, link, image, code, emphasis or element begins in it."""
    return re.sub(r"([|<>*`\[\]\\])", r"\\\1", " ".join(text.split()))


def csv_text(text: str) -> str:
    """Escape a text for spreadsheets: a text that would be a formula gets an apostrophe before it.

    So does a text that begins with an apostrophe: ``plain_text`` gives every text back.

    >>> csv_text("=cmd|' /C calc'!A0"), csv_text("-dash"), csv_text("'quoted'"), csv_text("edsr")
    ("'=cmd|' /C calc'!A0", "'-dash", "''quoted'", 'edsr')
    """
    return f"{MARK}{text}" if text.startswith((*FORMULA, MARK)) else text


def plain_text(text: str) -> str:
    """The text that ``csv_text`` has escaped: without the first apostrophe, if it begins with one.

    >>> plain_text("'-dash"), plain_text("''quoted'"), plain_text("edsr")
    ('-dash', "'quoted'", 'edsr')
    """
    return text.removeprefix(MARK)


def number(value: float, digits: int, sign: str = "") -> str:
    """Format a number for tables: ∞ for infinity, such as the PSNR of identical images, – for NaN.

    >>> number(25.1264, 2), number(0.5, 1, "+"), number(float("inf"), 2)
    ('25.13', '+0.5', '∞')
    """
    return f"{value:{sign}.{digits}f}".replace("inf", "∞").replace("nan", "–")


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun; ``plural`` is given where an s at the end is not enough.

    >>> counted(1, "photograph"), counted(5, "photograph"), counted(2, "process", "processes")
    ('1 photograph', '5 photographs', '2 processes')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
