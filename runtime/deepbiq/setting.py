"""Everything that decides a score besides the network: plan, pooling, scale and regressors."""

from __future__ import annotations

from dataclasses import dataclass

from deepbiq.bundle import Bundle
from deepbiq.errors import BundleError, OptionError
from deepbiq.graphs import outer_windows_of
from deepbiq.plans import Plan, parse_plan
from deepbiq.pooling import CONCAT_CROPS, PREDICTION_HEAD, Pooling, head_of, parse_pooling
from deepbiq.projection import Projection, projection_of
from deepbiq.regression import LinearRegressor, regressors_from_npz
from deepbiq.scale import Scale, parse_scale


@dataclass(frozen=True, eq=False)
class Setting:
    """Everything that decides a score besides the network.

    Attributes:
        plan: The sampling plan.
        pooling: The pooling.
        scale: The scale policy.
        heads: The plan family's regressors by head name.
        size: Side of the network's input crop in pixels.
        stride: Pixels from one window to the next, and per cell of the quality map.
        outer_windows: Windows at each edge of a picture that reach over it.
    """

    plan: Plan
    pooling: Pooling
    scale: Scale
    heads: dict[str, LinearRegressor]
    size: int
    stride: int
    outer_windows: int

    @property
    def projection(self) -> Projection | None:
        """The regressors that the pooling needs, as an engine can use them; None where it needs the features."""
        return projection_of(self.heads, self.pooling)


def settle(bundle: Bundle, plan: Plan | None, pooling: Pooling | None, scale: str) -> Setting:
    """Joins what was asked for with the bundle's defaults.

    Args:
        bundle: The opened bundle.
        plan: The sampling plan; None takes the bundle's default.
        pooling: The pooling; None takes the bundle's choice for the plan.
        scale: The scale policy as users write it.

    Raises:
        OptionError: When plan and pooling do not fit, or there is no such scale.
        BundleError: When the bundle lacks a regressor that they need.
    """
    manifest = bundle.manifest
    plan = parse_plan(manifest["default"]["plan"]) if plan is None else plan
    if plan.family not in manifest["plans"]:
        raise BundleError(f"{bundle.path}: has no regressor for plan {plan}, only {', '.join(manifest['plans'])}")
    entry = manifest["plans"][plan.family]
    pooling = parse_pooling(entry["pooling"]) if pooling is None else pooling
    heads = regressors_from_npz(bundle.read(entry["regressors"]), name=f"{bundle.path}: {entry['regressors']}")
    if pooling == "concat" and plan.crops not in (None, CONCAT_CROPS):
        raise OptionError(f"pooling concat needs {CONCAT_CROPS} crops ({plan.family}:{CONCAT_CROPS}), got {plan}")
    depth = manifest["feature"]["size"]
    for name in {PREDICTION_HEAD, head_of(pooling)}:
        size = depth * CONCAT_CROPS if name == "concat" and plan.family != "whole" else depth
        if name not in heads or heads[name].weights.size != size:
            raise BundleError(f"{bundle.path}: {entry['regressors']} has no {name} regressor of {size} features")
    return Setting(
        plan=plan,
        pooling=pooling,
        scale=parse_scale(scale, manifest["training_scale"]["short_side"]),
        heads=heads,
        size=manifest["input"]["size"],
        stride=manifest["feature"]["stride"],
        outer_windows=outer_windows_of(manifest),
    )
