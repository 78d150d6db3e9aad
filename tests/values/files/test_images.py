"""PNG is judged by its pixels (S7.2)."""

from __future__ import annotations

import io
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.values.files.judging import Judge

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def _png(pixels: Any, text: str = "", **options: Any) -> bytes:
    stream = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    if text:
        info.add_text("Creation Time", text)
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=info, **options)
    return stream.getvalue()


def _changed() -> Any:
    other = PIXELS.copy()
    other[2, 3, 1] += 1
    return other


def test_texts_and_compression_do_not_count(judge: Judge) -> None:
    assert judge.same("a.png", _png(PIXELS, "yesterday"), _png(PIXELS, "today", compress_level=0, dpi=(72, 72)))


def test_a_pixel_is_named(judge: Judge) -> None:
    assert judge.paths("a.png", _png(PIXELS), _png(_changed())) == ["files['a.png']['pixels'][2, 3, 1]"]
    assert judge.paths("a.png", _png(PIXELS), _png(PIXELS[:3])) == ["files['a.png']['pixels']"]


def test_the_mode_counts(judge: Judge) -> None:
    grey = PIXELS[:, :, 0].copy()
    assert "files['a.png']['mode']" in judge.paths("a.png", _png(grey), _png(np.dstack([grey] * 3)))


def _palette(colours: list[int], places: list[int], **options: Any) -> bytes:
    image = Image.new("P", (2, 1))
    image.putpalette(colours)
    image.putdata(places)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def test_pixels_of_a_palette_are_judged_by_their_colours(judge: Judge) -> None:
    red, blue = [255, 0, 0], [0, 0, 255]
    one = _palette([*red, *blue], [0, 1])
    assert judge.same("a.png", one, _palette([*blue, *red], [1, 0]))
    assert judge.paths("a.png", one, _palette([*red, *red], [0, 1])) == ["files['a.png']['pixels'][0, 1, 0]"]


def test_which_colour_is_transparent_counts(judge: Judge) -> None:
    def image(transparent: int) -> bytes:
        stream = io.BytesIO()
        Image.new("L", (2, 2), 7).save(stream, "PNG", transparency=transparent)
        return stream.getvalue()

    assert judge.paths("a.png", image(7), image(8)) == ["files['a.png']['pixels'][0, 0, 3]"]


def test_every_frame_counts(judge: Judge) -> None:
    def animated(*values: int) -> bytes:
        stream = io.BytesIO()
        first, *others = (Image.new("L", (2, 2), value) for value in values)
        first.save(stream, "PNG", save_all=True, append_images=others)
        return stream.getvalue()

    assert judge.paths("a.png", animated(1, 2, 3), animated(1, 2, 4)) == ["files['a.png']['pixels'][2][0, 0]"]


def _deep(sample: int) -> bytes:
    """Write one RGB pixel of 16 bits a sample."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    row = b"\x00" + sample.to_bytes(2, "big") * 3
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def test_pixels_that_pillow_would_round_are_judged_by_bytes(judge: Judge) -> None:
    assert judge.paths("a.png", _deep(0x0101), _deep(0x0102)) == ["files['a.png']"]


def test_sixteen_bits_of_grey_are_pixels(judge: Judge) -> None:
    one = np.array([[1, 2]], dtype=np.uint16)
    assert judge.same("a.png", _png(one), _png(one, "today"))
    assert judge.paths("a.png", _png(one), _png(one + np.uint16([[0, 1]]))) == ["files['a.png']['pixels'][0, 1]"]


def test_an_image_without_its_library_is_judged_by_its_bytes(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    data = _png(PIXELS)
    assert judge.contents("a.png", data, data) == (data, data)


def test_an_image_that_breaks_off_is_judged_by_its_bytes(judge: Judge) -> None:
    data = _png(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))[:-2000]
    assert judge.contents("a.png", data, data) == (data, data)
