"""A refit from ratings to a sealed bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepbiq.bundle import Bundle, check_place, open_bundle, write_bundle
from deepbiq.errors import BundleError, OptionError
from deepbiq.plans import Plan, parse_plan
from deepbiq.refitting.new_bundle import describe_ratings, refitted_bundle
from deepbiq.refitting.ratings import Ratings
from deepbiq.refitting.refitted import Procedure, Refitted, refit_plan
from deepbiq.refitting.refusal import RefusalError

LEAST_PICTURES = 30
"""With fewer, a fold of five has less than six pictures, and no interval of a correlation is narrow enough to
decide."""
LEAST_PAIRS = 50
"""With fewer, a share of right pairs is known to 14 points at best."""
LEAST_RANGE = 10.0
"""Score points: half a label. Ratings on 1..5 or 0..1 that were taken for 0..100 have less."""
LEAST_FOLDS = 2


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a refit gave.

    Attributes:
        old: Model id of the bundle that was refitted.
        new: Model id of the bundle that was written.
        out: Its folder.
        ratings: What the heads were fitted to.
        procedure: How they were chosen and judged.
        plans: The refitted plans, the default first.
    """

    old: str
    new: str
    out: Path
    ratings: Ratings
    procedure: Procedure
    plans: tuple[Refitted, ...]

    def describe(self) -> dict[str, Any]:
        """Tells everything; JSON-ready."""
        return {
            "from": self.old,
            "model": self.new,
            "bundle": str(self.out),
            "ratings": describe_ratings(self.ratings),
            "folds": self.procedure.folds,
            "seed": self.procedure.seed,
            "plans": [refitted.describe() for refitted in self.plans],
        }


def refit_bundle(
    bundle: Bundle,
    ratings: Ratings,
    out: Path,
    *,
    plans: Sequence[Plan],
    procedure: Procedure,
    advance: Callable[[], None],
) -> Outcome:
    """Fits new heads to ratings and writes a bundle with them, where they are better.

    Args:
        bundle: The bundle.
        ratings: What people said.
        out: Folder of the new bundle; not that of the old one.
        plans: The plans to refit, one of each family; none takes the bundle's default.
        procedure: How heads are chosen and judged.
        advance: Called after each picture and each fit.

    Raises:
        RefusalError: When the ratings do not support a better head; nothing is written then.
        OptionError: When two plans are of one family, there are too few folds, or the bundle cannot be written.
        DataSetError: When pictures cannot be read.
        BundleError: When the bundle cannot be refitted, or `out` is no place for a bundle.
    """
    if procedure.folds < LEAST_FOLDS:
        raise OptionError(f"cross-validation takes at least {LEAST_FOLDS} folds, got {procedure.folds}")
    wanted = list(plans) or [parse_plan(bundle.manifest["default"]["plan"])]
    families = [plan.family for plan in wanted]
    if len(set(families)) < len(families):
        raise OptionError(
            f"plans {', '.join(map(str, wanted))}: plans of one family share their head, refit one of them"
        )
    if out.resolve() == bundle.path.resolve():
        raise BundleError(f"{out} is the bundle that is refitted: give the new one another folder")
    check_place(out)
    check_ratings(ratings)
    refitted = tuple(refit_plan(bundle, plan, ratings, procedure, advance) for plan in wanted)
    manifest, files = refitted_bundle(bundle, refitted, ratings, procedure)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(out, manifest, files)
    except OSError as error:
        raise OptionError(f"the bundle cannot be written to {out}: {error}") from error
    return Outcome(bundle.model_id, open_bundle(out).model_id, out, ratings, procedure, refitted)


def check_ratings(ratings: Ratings) -> None:
    """Refuses ratings that say too little whatever the features are.

    Raises:
        RefusalError: When they are too few, or nearly equal.
    """
    pictures = len(ratings.paths)
    if pictures < LEAST_PICTURES:
        raise RefusalError(f"{ratings.file}: {pictures} pictures are too few: at least {LEAST_PICTURES} are needed")
    if ratings.scores is None:
        if len(ratings.judged) < LEAST_PAIRS:
            raise RefusalError(
                f"{ratings.file}: {len(ratings.judged)} preferences are too few: at least {LEAST_PAIRS} are needed"
            )
        return
    low, high = float(ratings.scores.min()), float(ratings.scores.max())
    if high - low < LEAST_RANGE:
        raise RefusalError(
            f"{ratings.file}: all scores lie in {low:g}..{high:g} of 0..100, a spread of at least {LEAST_RANGE:g} "
            "points is needed: if they are on another scale, say so with --range, for example --range 1 5"
        )
