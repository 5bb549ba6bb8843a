"""Tuning a bundle on this machine: what is worth trying is tried, and what was found is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deepbiq.bundle import Bundle
from deepbiq.configuration import AUTO, Configuration
from deepbiq.cuda import find_device
from deepbiq.engines.prepared import prepare_graph
from deepbiq.engines.projecting import project
from deepbiq.errors import EngineError
from deepbiq.graphs import graph_of
from deepbiq.setting import Setting
from deepbiq.tuning.candidates import candidates
from deepbiq.tuning.store import save_trials
from deepbiq.tuning.trials import Trial, fastest
from deepbiq.tuning.trying import try_all


def tune_bundle(
    bundle: Bundle, setting: Setting, *, seconds: float, advance: Callable[[], None]
) -> tuple[list[Trial], Path]:
    """Tries every configuration, and keeps what was found and the chosen graph as it was optimised.

    Args:
        bundle: The opened bundle.
        setting: Plan, pooling and scale.
        seconds: How long to time all configurations together.
        advance: Called after each round.

    Returns:
        The trials, and the file that they were written to.

    Raises:
        OptionError: When they cannot be written.
    """
    found, refused = candidates(bundle, setting, with_tensorrt=_has_device())
    trials = [*try_all(bundle, setting, found, seconds=seconds, advance=advance), *refused]
    chosen = fastest(trials, Configuration(AUTO, AUTO, None))
    if chosen is not None and chosen.configuration.engine == "onnxruntime":
        graph = graph_of(bundle, chosen.configuration.precision, "onnxruntime")
        prepare_graph(project(graph, setting.projection) or graph)
    return trials, save_trials(bundle, setting, trials)


def _has_device() -> bool:
    try:
        find_device()
    except EngineError:
        return False
    return True
