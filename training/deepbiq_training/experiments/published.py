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


_BIQ2021_SPLIT = "official split"
_BIQ2021 = "Ahmed and Asif, BIQ2021, 2022 (arXiv 2202.03879)"
_DEEPBIQ = "Bianco et al., arXiv 1602.05531, abstract"

PUBLISHED: dict[str, tuple[Published, ...]] = {
    "biq2021": (
        Published("BRISQUE", 0.60, 0.60, _BIQ2021_SPLIT, _BIQ2021),
        Published("MobileNet-V2", 0.66, 0.62, _BIQ2021_SPLIT, _BIQ2021),
        Published("NASNet-Large", 0.71, 0.67, _BIQ2021_SPLIT, _BIQ2021),
        Published("SGL-IQA", 0.71, 0.71, _BIQ2021_SPLIT, _BIQ2021),
        Published("DeepEns", 0.81, 0.79, _BIQ2021_SPLIT, _BIQ2021),
    ),
    "live-challenge": (Published("DeepBIQ", 0.91, None, "median of 10 random 80/20 splits", _DEEPBIQ),),
}
"""By name of the data set."""
