"""The plot of what archives cost against their number of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure


def draw_archive(result: dict[str, Any]) -> Figure:
    """Draws seconds against pictures, on Ray and on one machine, with the fitted lines.

    Args:
        result: Of `bench archive --on ray`.
    """
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    across = np.array([point["n"] for point in result["scaling"]["points"]])
    for on, colour in (("ray", "C0"), ("local", "C1")):
        up = [point[f"{on}_s"] for point in result["scaling"]["points"]]
        axes.plot(across, up, "o", color=colour, label=f"{on}, measured")
        line = result["scaling"][f"{on}_line"]
        if line is not None:
            at = np.array([0, across.max()])
            words = f"{1000 * line['slope']:.1f} ms a picture + {line['intercept']:.1f} s, R2 = {line['r2']:.4f}"
            axes.plot(at, line["slope"] * at + line["intercept"], "-", color=colour, linewidth=0.8, label=words)
    axes.set(xlabel="pictures", ylabel="seconds", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, fontsize="small")
    figure.suptitle(
        f"archives, plan {result['plan']}, {result['engine']} {result['precision']}\n"
        f"{result['machine']['processor']}, {result['date'][:10]}",
        fontsize="small",
    )
    return figure
