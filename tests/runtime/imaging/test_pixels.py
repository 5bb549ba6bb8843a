from __future__ import annotations

import numpy as np
import pytest

from deepbiq.imaging import pixels
from deepbiq.imaging.bmp import unpack_bits


def test_every_16_bit_value_is_rounded():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(pixels.to_8_bits(values), np.rint(values / 257))


def test_every_pair_of_colour_and_alpha_is_mixed():
    colour = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 256, 1).repeat(3, 2)
    alpha = np.repeat(np.arange(256, dtype=np.uint8)[None], 256, 0)
    share = alpha[..., None] / 255
    exact = colour * share + 128 * (1 - share)
    assert np.abs(pixels.composite(colour, alpha) - exact).max() <= 0.5
    premultiplied = np.rint(colour * share).astype(np.uint8)
    assert np.abs(pixels.composite(premultiplied, alpha, premultiplied=True) - exact).max() <= 1
    np.testing.assert_array_equal(pixels.composite(colour, alpha, premultiplied=True)[255, :255], 255)


def test_large_pictures_are_done_in_bands(monkeypatch):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (50, 40, 3), dtype=np.uint8)
    alpha = rng.integers(0, 256, (50, 40), dtype=np.uint8)
    wide = rng.integers(0, 65536, (50, 40, 3), dtype=np.uint16)
    whole = pixels.composite(colour, alpha), pixels.to_8_bits(wide)
    for samples in (1, 500):
        monkeypatch.setattr(pixels, "_BAND_SAMPLES", samples)
        np.testing.assert_array_equal(pixels.composite(colour, alpha), whole[0])
        np.testing.assert_array_equal(pixels.to_8_bits(wide), whole[1])


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_packed_samples_are_spread_from_the_highest_bits_on(depth):
    values = np.random.default_rng(0).integers(0, 1 << depth, (5, 16), dtype=np.uint8)
    bits = np.unpackbits(values[..., None], axis=2)[..., 8 - depth :]
    np.testing.assert_array_equal(unpack_bits(np.packbits(bits.reshape(5, -1), axis=1), depth, 13), values[:, :13])
