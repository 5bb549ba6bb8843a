"""What others published, to stand beside our own figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A figure from a paper.

    Attributes:
        method: Its name there.
        plcc: Pearson's correlation.
        srocc: Spearman's; None where the source does not give it.
        protocol: How it was measured.
        source: Where it was published.
    """

    method: str
    plcc: float
    srocc: float | None
    protocol: str
    source: str


_OFFICIAL_SPLIT = "official split, n = 2,000"
_AHMED = "Ahmed and Asif, Journal of Electronic Imaging 31(5), 2022"
_VARGA = "Varga, Electronics 12(7), 2023"
_BIANCO = "Bianco and others, arXiv 1602.05531, abstract"

PUBLISHED: dict[str, tuple[Published, ...]] = {
    "biq2021": (
        Published("DeepEns, an ensemble", 0.81, 0.79, _OFFICIAL_SPLIT, _AHMED),
        Published("SGL-IQA, hand-made features", 0.71, 0.71, _OFFICIAL_SPLIT, _VARGA),
        Published("NASNet-Large, 89 M parameters", 0.71, 0.67, _OFFICIAL_SPLIT, _AHMED),
        Published("MobileNet-V2, 3.5 M parameters", 0.66, 0.62, _OFFICIAL_SPLIT, _AHMED),
        Published("BRISQUE", 0.60, 0.60, _OFFICIAL_SPLIT, _AHMED),
    ),
    "live-challenge": (Published("DeepBIQ", 0.91, None, "median of 10 random 80/20 splits", _BIANCO),),
}
"""By name of the data set, best first."""
