"""Decoding of pictures from anywhere: nothing about a file is believed before it has been checked."""

from deepbiq.imaging.arrays import check_array
from deepbiq.imaging.decode import Picture, decode_bytes
from deepbiq.imaging.fault import printable
from deepbiq.imaging.files import Content, read_bytes, read_content
from deepbiq.imaging.formats import PICTURE_ENDINGS, parse_header
from deepbiq.imaging.header import Header
from deepbiq.imaging.limits import MIN_SIDE, Limits

__all__ = [
    "MIN_SIDE",
    "PICTURE_ENDINGS",
    "Content",
    "Header",
    "Limits",
    "Picture",
    "check_array",
    "decode_bytes",
    "parse_header",
    "printable",
    "read_bytes",
    "read_content",
]
