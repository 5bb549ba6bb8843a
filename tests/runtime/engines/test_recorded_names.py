"""The TensorRT in memory must not know a name that a real one lacks: a test would pass and a Jetson fail."""

import ast
from pathlib import Path

import pytest

from tests.runtime.cuda.memory_cuda import MemoryCuda
from tests.runtime.engines.memory_tensorrt import memory_tensorrt

RECORDED = Path(__file__).parents[2] / "reference" / "tensorrt_api"
OWN_OF_THE_MEMORY = {"contexts", "engines", "while_running", "facts"}


def recorded_names(version):
    """Names of the module, and of each class in it."""
    tree = ast.parse((RECORDED / version / "tensorrt" / "__init__.pyi").read_text())
    classes = {node.name: names_in(node.body) for node in tree.body if isinstance(node, ast.ClassDef)}
    return {**classes, "": names_in(tree.body)}


def names_in(body):
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return names | {node.target.id for node in body if isinstance(node, ast.AnnAssign)}


def public(names):
    return {name for name in names if not name.startswith("_")} - OWN_OF_THE_MEMORY


@pytest.mark.parametrize("version", ["10.3", "10.13", "11.4"])
def test_every_name_in_memory_is_one_of_tensorrts(version):
    recorded = recorded_names(version)
    module = memory_tensorrt(MemoryCuda())
    assert public(vars(module)) <= recorded[""]
    for name in public(vars(module)):
        made = getattr(module, name)
        assert public(vars(made)) <= recorded[name], name


def test_the_check_would_see_a_name_that_is_gone():
    assert "create_execution_context_without_device_memory" in recorded_names("10.3")["ICudaEngine"]
    assert "create_execution_context_without_device_memory" not in recorded_names("11.4")["ICudaEngine"]
