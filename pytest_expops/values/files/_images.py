"""PNG by its pixels: neither texts, nor dates, nor the resolution, nor how it is compressed."""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np

from pytest_expops.values.files._source import FileSource

_DEPTH, _COLOURS = 24, 25
"""Where a PNG says how many bits a sample has, and what its samples are."""
_GREY = 0


def png(source: FileSource) -> object:
    """Return mode and pixels of an image, as Pillow reads them; those of each frame where it is animated."""
    deep = source.data[_DEPTH] == 16
    pillow: Any = importlib.import_module("PIL.Image")
    with pillow.open(io.BytesIO(source.data), formats=["PNG"]) as image:
        if deep and (source.data[_COLOURS] != _GREY or "transparency" in image.info):
            raise ValueError("Pillow reads 8 of the 16 bits")
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            indirect = image.mode == "P" or "transparency" in image.info
            frames.append(np.array(image.convert("RGBA") if indirect else image))
        return {"mode": image.mode, "pixels": frames[0] if len(frames) == 1 else frames}
