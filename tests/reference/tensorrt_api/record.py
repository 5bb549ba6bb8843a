"""Records the signatures of TensorRT's Python classes as stubs; see README.md beside this file.

python record.py WHEEL FOLDER               # a bindings wheel, without the libraries that it binds
python record.py --installed MODULE FOLDER  # a module that can be imported, for example tensorrt_rtx
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CLASSES = (
    "Builder", "BuilderFlag", "ComputeCapability", "DataType", "DeviceType", "Dims", "EngineInspector",
    "ErrorCode", "ExecutionContextAllocationStrategy", "IBuilderConfig", "ICudaEngine", "IExecutionContext",
    "IHostMemory", "ILayer", "ILogger", "INetworkDefinition", "IOptimizationProfile", "IProfiler", "ITensor",
    "ITimingCache", "LayerInformationFormat", "LayerType", "Logger", "MemoryPoolType",
    "NetworkDefinitionCreationFlag", "OnnxParser", "OptProfileSelector", "ParserError", "ProfilingVerbosity",
    "Runtime", "TensorFormat", "TensorIOMode", "TensorLocation",
)  # fmt: skip
"""What deepbiq uses, and what it would use if somebody tried. A class that a version lacks is not recorded."""

NULLABLE = frozenset({
    "Builder.build_serialized_network", "Builder.create_builder_config", "Builder.create_network",
    "IBuilderConfig.create_timing_cache", "IBuilderConfig.get_timing_cache",
    "ICudaEngine.create_execution_context", "ICudaEngine.create_engine_inspector",
    "ILayer.get_input", "ILayer.get_output", "Runtime.deserialize_cuda_engine",
})  # fmt: skip
"""Methods that return None instead of raising; the bindings' signatures do not say so."""

UNSAID = {
    "Dims": ("def __iter__(self) -> Iterator[int]: ...",),  # by __getitem__ up to the IndexError
    "IHostMemory": ("def __buffer__(self, flags: int, /) -> memoryview: ...",),
}
"""What Python objects of a class can do without a member that says so."""

LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
FUNCTIONS = (
    "createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getBuilderPluginRegistry",
    "getNvOnnxParserVersion", "getPluginRegistry", "initLibNvInferPlugins",
)  # fmt: skip
"""The only C functions that the bindings want from those libraries. None is called by importing them."""

HEADER = '''\
# ruff: noqa
# fmt: off
"""Signatures of TensorRT {version}, recorded by record.py; not written by hand."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, SupportsFloat, SupportsInt, overload

from typing_extensions import Buffer

__version__: str

class _Enum:
    __members__: ClassVar[Mapping[str, Any]]
    def __init__(self, value: int) -> None: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...
'''
UNKNOWN = "Unrecorded"
KEPT_SPECIAL = ("__init__", "__len__", "__getitem__", "__bool__")
SIGNATURE = re.compile(r"^(?:\d+\. )?\w*\((?P<parameters>.*)\) -> (?P<returns>.+?)$")
TYPES = {
    r"\btensorrt(?:_rtx)?(?:_bindings)?\.tensorrt(?:_rtx)?\.": "",
    r"\w+::": "",
    r"\bIParserError\b": "ParserError",
    r"\b(?:typing|typing_extensions|collections\.abc)\.": "",
    r"\b(?:buffer|Buffer)\b": "Buffer",
    r"\bList\[": "Sequence[",
    r"\b(?:capsule|types\.CapsuleType|Callable\[.*\])": "object",
    r"\bTuple\[": "tuple[",
    r"\bDict\[": "dict[",
    r"\b(tuple)(?!\[)": r"\1[Any, ...]",
    r"\b(list)(?!\[)": r"\1[Any]",
}
BUILT_IN = frozenset({
    "Any", "Buffer", "None", "Sequence", "SupportsFloat", "SupportsInt", "bool", "bytes", "dict", "float", "int",
    "list", "object", "slice", "str", "tuple",
})  # fmt: skip


def record(module_name: str) -> str:
    """Writes the stub of an importable TensorRT module."""
    module = importlib.import_module(module_name)
    classes = {name: getattr(module, name) for name in CLASSES if hasattr(module, name)}
    parts = [HEADER.format(version=module.__version__)]
    parts += ["\n".join(record_class(cls, name, classes)) + "\n" for name, cls in classes.items()]
    return "\n".join(parts)


def record_class(cls: type, path: str, classes: dict[str, type]) -> list[str]:
    """Writes one class: its enum members, or its methods and properties."""
    name = path.rpartition(".")[2]
    members = getattr(cls, "__members__", None)
    if members is not None:
        return [f"class {name}(_Enum):", *(f"    {member}: ClassVar[{path}]" for member in members)]
    bases = [base.__name__ for base in cls.__mro__[1:] if classes.get(base.__name__) is base]
    lines = [f"class {name}({bases[0]}):" if bases else f"class {name}:"]
    for attribute, value in sorted(vars(cls).items()):
        lines += [f"    {line}" for line in record_member(attribute, value, path, classes)]
    lines += [f"    {line}" for line in UNSAID.get(name, ())]
    return lines if len(lines) > 1 else [f"{lines[0]} ..."]


def record_member(attribute: str, value: object, path: str, classes: dict[str, type]) -> list[str]:
    """Writes one member of a class; what is private or about layers made by hand is left out."""
    if attribute.startswith("_") and attribute not in KEPT_SPECIAL:
        return []
    if path == "INetworkDefinition" and re.match("add_(?!optimization)", attribute):
        return []
    if isinstance(value, type):
        nested = f"{path}.{attribute}"
        if value.__name__ == attribute and value.__qualname__ == nested:
            return record_class(value, nested, classes)
        return [f"{attribute} = {value.__qualname__}"]
    if isinstance(value, property):
        return record_property(attribute, value, classes)
    if not callable(value):
        return [f"{attribute}: ClassVar[{type(value).__qualname__}]"]
    return record_method(attribute, value, path, classes)


def record_property(name: str, value: property, classes: dict[str, type]) -> list[str]:
    """Writes a property and, when it can be set, its setter."""
    getter = parse(value.fget.__doc__ or "", classes)
    if not getter:
        return []
    returns = getter[0][1]
    lines = ["@property", f"def {name}(self) -> {returns}: ..."]
    if value.fset is not None:
        # pybind11 leaves some setters without a signature; they take what the getter returns.
        setter = parse(value.fset.__doc__ or "", classes)
        kind = setter[0][0][0].partition(": ")[2] if setter and setter[0][0] else returns
        lines += [f"@{name}.setter", f"def {name}(self, value: {kind}) -> None: ..."]
    return lines


def record_method(name: str, value: object, path: str, classes: dict[str, type]) -> list[str]:
    """Writes a method with all its overloads; one that cannot be called (no signature) is left out."""
    lines = []
    signatures = parse(getattr(value, "__doc__", "") or "", classes)
    for parameters, returns in signatures:
        optional = " | None" if f"{path}.{name}" in NULLABLE else ""
        lines += ["@overload"] if len(signatures) > 1 else []
        lines.append(f"def {name}({', '.join(['self', *parameters])}) -> {returns}{optional}: ...")
    return lines


def parse(docstring: str, classes: dict[str, type]) -> list[tuple[list[str], str]]:
    """Reads the signatures that pybind11 puts into a docstring: parameters without self, and what is returned.

    One with a type that is not recorded is left out: a program that uses it makes the recording grow.
    """
    lines = docstring.strip().splitlines() or [""]
    overloaded = len(lines) > 1 and lines[1].startswith("Overloaded function")
    candidates = [line for line in lines if re.match(r"\d+\. ", line)] if overloaded else lines[:1]
    found = []
    for match in filter(None, map(SIGNATURE.match, candidates)):
        parameters = [
            parameter_of(text, classes)
            for text in split(match["parameters"])
            if not text.startswith(("self:", "arg0: tensorrt"))
        ]
        if any(text.startswith("arg") for text in parameters):
            parameters.append("/")
        found.append((parameters, clean(match["returns"], classes)))
    return [(parameters, returns) for parameters, returns in found if UNKNOWN not in f"{parameters} {returns}"]


def parameter_of(text: str, classes: dict[str, type]) -> str:
    """Writes one parameter; a default is only said to exist, and shapes may be sequences."""
    declared, equals, default = text.partition(" = ")
    name, _, kind = declared.partition(": ")
    kind = re.sub(r"\bDims\b", "Dims | Sequence[int]", clean(kind, classes))
    optional = " | None" if default == "None" and kind != "object" else ""
    return f"{name}: {kind}{optional}" + (" = ..." if equals else "")


def clean(kind: str, classes: dict[str, type]) -> str:
    """Turns a type as pybind11 names it into one that exists in the stub."""
    for pattern, replacement in TYPES.items():
        kind = re.sub(pattern, replacement, kind)
    known = BUILT_IN | classes.keys()
    return re.sub(r"[A-Za-z_][\w.]*", lambda word: word[0] if word[0].split(".")[0] in known else UNKNOWN, kind)


def split(parameters: str) -> list[str]:
    """Splits at the commas that are inside no bracket."""
    parts, depth = [""], 0
    for character in parameters:
        depth += (character in "[<(") - (character in "]>)")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def record_wheel(wheel: Path) -> str:
    """Imports the bindings of a wheel, in a process of its own, with empty libraries in place of NVIDIA's."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        zipfile.ZipFile(wheel).extractall(root)
        binding = next(root.glob("tensorrt_bindings/tensorrt.so")).read_bytes()
        major = re.search(rb"libnvinfer\.so\.(\d+)", binding)[1].decode()
        source = root / "empty.c"
        source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
        for library in LIBRARIES:
            out = root / f"lib{library}.so.{major}"
            command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{out.name}", "-o", str(out), str(source)]
            subprocess.run(command, check=True)
        paths = {"LD_LIBRARY_PATH": folder, "PYTHONPATH": folder}
        command = [sys.executable, __file__, "--installed", "tensorrt_bindings", folder]
        subprocess.run(command, check=True, env={**os.environ, **paths})
        return (root / "tensorrt" / "__init__.pyi").read_text()


def main() -> None:
    """Writes FOLDER/tensorrt/__init__.pyi."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--installed", action="store_true", help="SOURCE is a module, not a wheel")
    parser.add_argument("source")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    stub = record(arguments.source) if arguments.installed else record_wheel(Path(arguments.source))
    target = arguments.folder / "tensorrt" / "__init__.pyi"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(stub)


if __name__ == "__main__":
    main()
