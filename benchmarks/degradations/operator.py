"""The base class of degradations, and their composition."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from benchmarks.api.image import FloatImage, Image
from benchmarks.core.errors import UsageError
from benchmarks.core.values import set_values
from benchmarks.degradations.rounding import to_uint8

JOINED = " + "  # between the names of a pipeline's operators


class Degradation(ABC):
    """A seeded HR -> LR operator. Subclasses are frozen dataclasses whose fields are the operator's settings.

    The same image name and settings give the same LR image, whatever else is degraded before or beside it.

    Attributes:
        name: of the operator's entry in the catalog.
        random: whether the operator draws random numbers. If so, the LR image depends on the name of the image.
    """

    name: ClassVar[str]
    random: ClassVar[bool] = True

    @abstractmethod
    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """Degrade an image on the 0-255 scale, without rounding, so that operators can follow one another.

        Args:
            image: ``(H, W, 3)``.
            scale: HR pixels per LR pixel.
            stream: name of the random stream, for ``random_stream``.

        Returns:
            ``(H / scale, W / scale, 3)`` if the operator downscales, else ``(H, W, 3)``.
        """

    def degrade(self, hr: Image, scale: int, image_name: str) -> Image:
        """Make the LR image of a HR image.

        Args:
            hr: ``(H, W, 3)`` uint8 RGB, both sides multiples of ``scale``.
            scale: HR pixels per LR pixel.
            image_name: name of the image; random numbers depend on it.

        Returns:
            ``(H / scale, W / scale, 3)`` uint8 RGB, rounded half up.

        Raises:
            UsageError: the result has another size, because none or several operators of a pipeline downscale.
        """
        lr = self.apply(hr.astype(np.float64), scale, image_name)
        size = (hr.shape[0] // scale, hr.shape[1] // scale, hr.shape[2])
        if lr.shape != size:
            sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (lr, hr))
            mend = "exactly one of its operators must downscale"
            raise UsageError(f"degradation '{label(self)}': {sizes} pixels are no pair of scale {scale}: {mend}")
        return to_uint8(lr)

    @property
    def parts(self) -> tuple[Degradation, ...]:
        """Operators that are applied, in their order."""
        return (self,)

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings of the operator, for result files."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @property
    def identity(self) -> list[dict[str, Any]]:
        """Names of the operators, and settings that differ from their defaults. They decide the LR images, code aside."""
        return [{"name": part.name, **set_values(part)} for part in self.parts]

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules with the code of the operator."""
        return tuple(type(part).__module__ for part in self.parts)


@dataclass(frozen=True)
class Pipeline(Degradation):
    """Operators in a row, themselves an operator; exactly one of them downscales.

    The first operator has the random stream that it has alone; each further one has a stream of its own.
    """

    operators: tuple[Degradation, ...]
    name: ClassVar[str] = "pipeline"

    def apply(self, image: FloatImage, scale: int, stream: str) -> FloatImage:
        """Apply the operators in their order."""
        for place, operator in enumerate(self.parts):
            image = operator.apply(image, scale, f"{stream}/{place}" if place else stream)
        return image

    @property
    def parts(self) -> tuple[Degradation, ...]:
        """Operators in their order; nested pipelines are flattened."""
        return tuple(part for operator in self.operators for part in operator.parts)

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings of all operators, each under ``<operator>.<setting>``."""
        return dict(self._named_parameters())

    def _named_parameters(self) -> Iterator[tuple[str, Any]]:
        for part in self.parts:
            yield from ((f"{part.name}.{setting}", value) for setting, value in part.parameters.items())


def label(degradation: Degradation) -> str:
    """Names of the operators as in result files, for example ``blur + bicubic + noise``."""
    return JOINED.join(part.name for part in degradation.parts)


def random_stream(stream: str, seed: int) -> np.random.Generator:
    """Random generator of one image and operator. Equal streams and seeds give equal numbers, whatever else is processed."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
