"""Titles of data sets: the name, a user's own folder, and a degradation that is not the profile's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.degradations.operator import JOINED, label

LONGEST = 200  # characters of a degradation


def titled(dataset: str, place: str = "", degradation: str = "", *, parts: int = 1) -> str:
    """Name of a data set, with the last parts of the path of a user's own folder, and with a degradation.

    >>> titled("folder", "/photos/indoor"), titled("folder", "/a/x + /b/z", "bicubic"), titled("set5")
    ('folder (indoor)', 'folder (x + z; degradation bicubic)', 'set5')
    """
    tails = ["/".join(PurePath(path).parts[-parts:]) for path in place.split(" + ")]
    about = (" + ".join(tails), f"degradation {degradation}" if degradation else "")
    shown = "".join(c if c.isprintable() else "?" for c in "; ".join(filter(None, about)))
    return f"{dataset} ({shown})" if shown else dataset


def other_degradation(names: str, parameters: Mapping[str, Any] | None, profile: str | None) -> str:
    """A degradation in words if it is not the profile's own: names of its operators, and settings that the profile has otherwise.

    Args:
        names: of the operators, as results have them: ``blur + bicubic``.
        parameters: settings of the operators; None if nothing was degraded.
        profile: name of a profile; settings are all named if this version does not know it.

    Returns:
        For example ``track2-like-v2 with noise_gaussian 20``; empty for the profile's own degradation, and for none.
    """
    if parameters is None:
        return ""
    own, usual = False, dict[str, Any]()
    try:
        own = label(load_profile(profile or "").degradation) == names
        usual = load_profile(profile or "", () if own else [f"degradation={names.split(JOINED)}"]).degradation.parameters
    except UsageError:
        pass
    others = {key: value for key, value in parameters.items() if key not in usual or _plain(usual[key]) != _plain(value)}
    if own and not others:
        return ""
    text = names + (f" with {', '.join(f'{key} {value}' for key, value in others.items())}" if others else "")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
