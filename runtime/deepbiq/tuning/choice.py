"""The choice of a scorer: what tuning found to be fastest of what was left open."""

from __future__ import annotations

from deepbiq.bundle import Bundle
from deepbiq.configuration import AUTO, Configuration
from deepbiq.setting import Setting
from deepbiq.tuning.store import load_trials
from deepbiq.tuning.trials import fastest


def choose(bundle: Bundle, setting: Setting, wanted: Configuration) -> Configuration:
    """Fills in what was left open, as `deepbiq tune` found it on this machine; what was asked for stays.

    Args:
        bundle: The opened bundle.
        setting: Plan, pooling and scale.
        wanted: What was asked for.

    Returns:
        The configuration; `auto` stays where nothing was found for it.
    """
    if AUTO not in (wanted.engine, wanted.precision) and wanted.threads is not None:
        return wanted
    # An engine that was asked for by name with a precision may differ in threads alone.
    found = fastest(load_trials(bundle, setting), wanted)
    return wanted if found is None else found.configuration
