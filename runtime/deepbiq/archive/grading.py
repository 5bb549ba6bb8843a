"""From pixels to a row of results."""

from __future__ import annotations

from deepbiq.archive.preparing import Preparation, Prepared
from deepbiq.archive.row import Row, Yardstick
from deepbiq.errors import ImageError
from deepbiq.scorer import Scorer


def yardstick_of(scorer: Scorer) -> Yardstick:
    """Returns what all scores of a scorer have in common."""
    about = scorer.identity()
    short_side = scorer.setting.scale.short_side
    return Yardstick(
        model=about["model"],
        plan=about["plan"],
        pool=about["pool"],
        scale="native" if short_side is None else str(short_side),
        precision=about["precision"],
    )


def preparation_of(scorer: Scorer) -> Preparation:
    """Returns how pictures must be prepared for a scorer, so that scores are those of its own calls."""
    limits = scorer.limits
    return Preparation(scorer.setting.scale.short_side, limits.max_pixels, limits.max_bytes)


def row_of(path: str, prepared: Prepared, scorer: Scorer) -> Row:
    """Scores a prepared picture in the calling thread alone, so that a row never depends on what else runs.

    Args:
        path: As it was listed.
        prepared: What `prepare` made of it.
        scorer: Called by at most `scorer.engine.workers` threads at once.

    Raises:
        EngineError: When inference fails: no later picture could be scored either.
    """
    yardstick, engine = yardstick_of(scorer), scorer.engine.name
    if prepared.bgr is None:
        return Row(path, prepared.facts, yardstick, engine, error=prepared.error)
    try:
        result = scorer.score_in_worker(prepared.bgr)
    except ImageError as error:
        return Row(path, prepared.facts, yardstick, engine, warnings=prepared.warnings, error=error.fault)
    return Row(
        path,
        prepared.facts,
        yardstick,
        engine,
        score=result.score,
        label=result.label,
        spread=result.spread,
        warnings=prepared.warnings,
    )
