import pytest

from deepbiq.engines.tensorrt.request import ShapeRange, family_of, request_for, shapes_of
from deepbiq.errors import EngineError
from deepbiq.plans import parse_plan
from tests.runtime.engines.conftest import tiny_graph


@pytest.mark.parametrize(
    ("size", "stride", "family", "shapes"),
    [
        (224, 32, "crops", [(1, 224, 224), (25, 224, 224), (32, 224, 224)]),
        (224, 32, "dense", [(1, 224, 224), (1, 512, 512), (1, 1280, 1280)]),
        (227, 32, "dense", [(1, 227, 227), (1, 515, 515), (1, 1251, 1251)]),
        (600, 32, "dense", [(1, 600, 600), (1, 600, 600), (1, 1272, 1272)]),
        (1300, 32, "dense", [(1, 1300, 1300)] * 3),
    ],
)
def test_shapes_are_sizes_that_pictures_can_have(size, stride, family, shapes):
    made = shapes_of(tiny_graph(input_size=size, stride=stride), family)
    assert list(made.axes) == shapes
    assert all((side - size) % stride == 0 for shape in made.axes for side in shape[1:])


def test_an_accelerator_takes_one_shape():
    request = request_for(tiny_graph(), "crops", dla_core=0, workspace_bytes=1 << 20)
    assert request.shapes.is_static
    assert set(request.shapes.axes) == {(25, 96, 96)}
    assert (request.dla_core, request.workspace_bytes) == (0, 1 << 20)
    assert not request_for(tiny_graph(), "crops").shapes.is_static


def test_an_accelerator_cannot_serve_dense_pictures():
    with pytest.raises(EngineError, match=r"DLA core 1 takes one shape.* --plan crops"):
        request_for(tiny_graph(), "dense", dla_core=1)


@pytest.mark.parametrize(
    "axes",
    [((2, 96, 96), (1, 96, 96), (4, 96, 96)), ((1, 96, 96), (1, 96, 96), (1, 64, 96)), ((0, 96, 96),) * 3],
)
def test_shapes_out_of_order_are_refused(axes):
    with pytest.raises(ValueError, match="minimum <= optimum <= maximum"):
        ShapeRange(*axes)


@pytest.mark.parametrize(
    ("plan", "family"), [("dense", "dense"), ("random:25", "crops"), ("grid:5", "crops"), ("whole", "crops")]
)
def test_which_engine_serves_a_plan(plan, family):
    assert family_of(parse_plan(plan)) == family
