"""What is asked of a TensorRT builder: a graph, a family of plans, and the shapes that the engine must take.

A crop plan wants a batch of small pictures, `dense` one picture of almost any size; an engine is fast for the
shapes that it was tuned for, so each family has its own. The builder lives in another room (`deepbiq build`); the
runtime only states what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepbiq.errors import EngineError
from deepbiq.graphs import Graph
from deepbiq.plans import Plan

Family = Literal["crops", "dense"]
"""`crops` serves the plans random:N, grid:N and whole."""

MOST_CROPS = 32
USUAL_CROPS = 25
"""The paper's number of crops."""
LONGEST_SIDE = 1280
"""Of a dense pass, in pixels; larger pictures are cut into tiles. Activation memory is what this shape needs."""
USUAL_SIDE = 512
"""Short side of a photograph at the scale that bundles are usually trained at."""

Shape = tuple[int, int, int]
"""(batch, height, width) of the input; the last axis, colour, is always 3."""


@dataclass(frozen=True)
class ShapeRange:
    """The input shapes that an engine takes, and the one that it is tuned for.

    Attributes:
        minimum: Smallest (batch, height, width).
        optimum: The one that kernels are chosen for.
        maximum: Largest (batch, height, width).
    """

    minimum: Shape
    optimum: Shape
    maximum: Shape

    def __post_init__(self) -> None:
        ordered = all(1 <= low <= best <= high for low, best, high in zip(*self.axes, strict=True))
        if not ordered:
            raise ValueError(f"shapes must satisfy 1 <= minimum <= optimum <= maximum on every axis, got {self}")

    @property
    def axes(self) -> tuple[Shape, Shape, Shape]:
        """Minimum, optimum and maximum, in the order of an optimisation profile."""
        return self.minimum, self.optimum, self.maximum

    @property
    def is_static(self) -> bool:
        """Whether there is only one shape."""
        return self.minimum == self.maximum


@dataclass(frozen=True, eq=False)
class BuildRequest:
    """Everything that decides what a builder makes, besides the machine that it runs on.

    Attributes:
        graph: The graph; its precision is in the ONNX itself.
        family: The plans that the engine will serve.
        shapes: The input shapes that it must take.
        workspace_bytes: Most scratch memory that a kernel may use; None leaves it to TensorRT.
        dla_core: Core of the deep learning accelerator that runs the layers it can; None runs all on the GPU.
    """

    graph: Graph
    family: Family
    shapes: ShapeRange
    workspace_bytes: int | None = None
    dla_core: int | None = None


def request_for(
    graph: Graph, family: Family, *, workspace_bytes: int | None = None, dla_core: int | None = None
) -> BuildRequest:
    """Makes the request that the runtime itself makes for a family of plans.

    Args:
        graph: The graph.
        family: The plans that the engine will serve.
        workspace_bytes: Most scratch memory that a kernel may use; None leaves it to TensorRT.
        dla_core: Core of the deep learning accelerator; None runs all on the GPU.

    Raises:
        EngineError: When the accelerator is to serve `dense`.
    """
    shapes = shapes_of(graph, family)
    if dla_core is not None:
        # The accelerator compiles for one shape; that of a dense pass is its picture's.
        if family == "dense":
            raise EngineError(
                f"DLA core {dla_core} takes one shape, but pictures of the plan dense have many: take a plan "
                "of crops (random:N, grid:N or whole; --plan crops when building), or run dense on the GPU"
            )
        shapes = ShapeRange(shapes.optimum, shapes.optimum, shapes.optimum)
    return BuildRequest(graph, family, shapes, workspace_bytes, dla_core)


def shapes_of(graph: Graph, family: Family) -> ShapeRange:
    """Returns the shapes of a family: 1..32 crops, or one picture of 512 pixels or so and at most 1280 a side.

    Sides of a dense picture are the input size plus multiples of the stride, so the bounds are, too.
    """
    size = graph.input_size
    if family == "crops":
        return ShapeRange((1, size, size), (USUAL_CROPS, size, size), (MOST_CROPS, size, size))
    usual = size + round(max(USUAL_SIDE - size, 0) / graph.stride) * graph.stride
    longest = size + max(LONGEST_SIDE - size, 0) // graph.stride * graph.stride
    return ShapeRange((1, size, size), (1, usual, usual), (1, longest, longest))


def family_of(plan: Plan) -> Family:
    """Says which engine serves a sampling plan."""
    return "dense" if plan.family == "dense" else "crops"
