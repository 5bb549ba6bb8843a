"""What `deepbiq build` tells about an engine, in words or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepbiq.engines.tensorrt.request import BuildRequest
from deepbiq_export.tensorrt.builder import BuiltPlan
from deepbiq_export.tensorrt.library import Target


@dataclass(frozen=True, eq=False)
class Outcome:
    """One engine that was built, or found in the cache.

    Attributes:
        target: What it was built for.
        request: What was asked for.
        path: The plan file.
        size: Its bytes.
        built: What is known of the build; None where the engine was there already.
        remarks: What the user should know of it.
    """

    target: Target
    request: BuildRequest
    path: Path
    size: int
    built: BuiltPlan | None
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON values; what only a build tells is null where there was none."""
        built, network = self.built, self.built.network if self.built else None
        return {
            "target": self.target,
            "graph": self.request.graph.key,
            "family": self.request.family,
            "shapes": [list(shape) for shape in self.request.shapes.axes],
            "dla_core": self.request.dla_core,
            "workspace_bytes": self.request.workspace_bytes,
            "file": str(self.path),
            "bytes": self.size,
            "cached": built is None,
            "built_by": built.library if built else None,
            "seconds": round(built.seconds, 2) if built else None,
            "weight_bytes": built.weight_bytes if built else None,
            "layers": network.layers if network else None,
            "layers_by_type": network.by_type if network else None,
            "layers_by_precision": network.by_precision if network else None,
            "gpu_layers": built.gpu_layers if built else None,
            "remarks": list(self.remarks),
        }

    def lines(self) -> Iterator[str]:
        """Yields the lines of the text format."""
        yield str(self.path)
        yield f"  graph {self.request.graph.key} for {self.request.family}: {_shapes(self.request)}"
        if self.built is None:
            yield f"  {_megabytes(self.size)}, built before; --fresh builds it again"
        else:
            yield from _about_the_build(self.built, self.size, self.request.dla_core)
        for remark in self.remarks:
            yield f"  {remark}"


def _about_the_build(built: BuiltPlan, size: int, dla_core: int | None) -> Iterator[str]:
    network = built.network
    yield (
        f"  {_megabytes(size)}, weights {_megabytes(built.weight_bytes)}, "
        f"built in {built.seconds:.1f} s by {built.library}"
    )
    computing = sum(network.by_precision.values())
    yield f"  {network.layers} layers before fusion, {computing} compute: {_counts(network.by_precision)}"
    if dla_core is not None:
        yield (
            f"  DLA core {dla_core} can run {network.layers - built.gpu_layers} of them; "
            f"the other {built.gpu_layers} fall back to the GPU"
        )


def _shapes(request: BuildRequest) -> str:
    low, best, high = ("x".join(map(str, shape)) for shape in request.shapes.axes)
    return f"only {best}" if request.shapes.is_static else f"{low} to {high}, tuned for {best}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
