"""Augmentations of the user's own: classes that a configuration names under ``augment.own``."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pyspeech.arguments import build
from pyspeech.config import Config
from pyspeech.errors import UserError

Values = npt.NDArray[np.float32]
Of = Literal["samples", "features"]


@runtime_checkable
class Augmentation(Protocol):
    """What such a class is: made of its settings, and ``sampling_rate`` (Hz) or ``num_features`` if it asks for them.

    Attributes:
        of: Samples ``[S]`` in -1..1, before features are computed of them; or normalised features ``[T, F]``, before
            they are masked.
    """

    of: Of

    def __call__(self, values: Values, rng: np.random.Generator) -> Values:
        """Return others of the same shape; all choices come from ``rng``, so that a training can be repeated."""


class OwnAugment:
    """The augmentations of a configuration, in their order.

    Raises:
        UserError: one that is no such class, or settings that it does not take.
    """

    def __init__(self, config: Config) -> None:
        given = {"sampling_rate": config.features.sampling_rate, "num_features": config.features.num_features}
        self._all = [_built(settings, given) for settings in config.augment.own]

    def has(self, of: Of) -> bool:
        """Whether there is one of samples, or of features."""
        return any(augmentation.of == of for augmentation in self._all)

    def __call__(self, of: Of, values: Values, rng: np.random.Generator) -> Values:
        """Apply those of samples, or of features.

        Raises:
            UserError: one that returns another shape or type, or numbers that are not finite.
        """
        for augmentation in self._all:
            if augmentation.of != of:
                continue
            changed = np.asarray(augmentation(values, rng))
            if changed.shape != values.shape or changed.dtype.kind != "f" or not np.isfinite(changed).all():
                raise UserError(
                    f"augment.own: {type(augmentation).__name__} makes {of} of shape {list(values.shape)} into "
                    f"{changed.dtype} of shape {list(changed.shape)}; return finite floats of the same shape"
                )
            values = changed.astype(np.float32, copy=False)
        return values


def _built(settings: Mapping[str, Any], given: Mapping[str, object]) -> Augmentation:
    known: Mapping[str, type[Augmentation]] = {}
    augmentation = build("augment.own", settings, known, given)
    if not isinstance(augmentation, Augmentation) or augmentation.of not in ("samples", "features"):
        raise UserError(f"augment.own: {settings['name']} says not what it is of; give it of = 'samples' or 'features'")
    return augmentation
