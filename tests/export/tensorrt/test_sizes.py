from __future__ import annotations

import pytest

from deepbiq.errors import OptionError
from deepbiq_export.tensorrt.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"), [("1M", 1 << 20), ("512M", 512 << 20), ("64m", 64 << 20), (" 2G ", 2 << 30)]
)
def test_sizes_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "M", "4096", "1.5G", "12 M", "0M", "-3M", "1T", "3K", "9999999999G", "9" * 5000 + "M", "\u0663M", "1e6M"],
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(OptionError, match="for example 512M"):
        parse_size(text)
