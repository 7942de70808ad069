"""Protocols of comparison, each in a file of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.api.entries import Entry
from benchmarks.catalog.plugins import PROTOCOL, added_objects
from benchmarks.core.lazy import resolve
from benchmarks.core.registry import Registry

if TYPE_CHECKING:
    from benchmarks.scoring.protocol import Protocol

PROTOCOLS = Registry(
    "protocol",
    (
        Entry("rgb", "benchmarks.scoring.protocols.rgb:RGB"),
        Entry("rgb-shave4", "benchmarks.scoring.protocols.rgb_shave4:RGB_SHAVE4"),
        Entry("y", "benchmarks.scoring.protocols.y:Y"),
        Entry("y-shave4", "benchmarks.scoring.protocols.y_shave4:Y_SHAVE4"),
        Entry("ntire2018", "benchmarks.scoring.protocols.ntire2018:NTIRE2018"),
        Entry("ntire2018-norescale", "benchmarks.scoring.protocols.ntire2018_norescale:NTIRE2018_NORESCALE"),
        Entry("aligned-rgb", "benchmarks.scoring.protocols.aligned_rgb:ALIGNED_RGB"),
    ),
    partial(added_objects, "protocols", "protocol", PROTOCOL),
)


def get_protocol(name: str) -> Protocol:
    """The protocol of a name. Raises UsageError, with the nearest name, where there is none."""
    protocol: Protocol = resolve(PROTOCOLS.look_up(name).target, f"protocol '{name}'", ("version", "score", "view"))
    return protocol
