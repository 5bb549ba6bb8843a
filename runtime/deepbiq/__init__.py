"""deepbiq: blind image quality assessment. A photo in, a score from 0 (bad) to 100 (excellent) out.

    import deepbiq
    scorer = deepbiq.load()
    result = scorer("photo.jpg")
    print(result.score, result.label)

Importing deepbiq loads neither OpenCV nor ONNX Runtime; `load` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepbiq.errors import BundleError, CameraError, DeepBIQError, EngineError, ImageError, OptionError
    from deepbiq.imaging import Limits
    from deepbiq.result import Failure, Score, Timing
    from deepbiq.scorer import Scorer, load

__version__ = "0.1.0"

_HOMES = {
    "BundleError": "errors",
    "CameraError": "errors",
    "DeepBIQError": "errors",
    "EngineError": "errors",
    "Failure": "result",
    "ImageError": "errors",
    "Limits": "imaging",
    "OptionError": "errors",
    "Score": "result",
    "Scorer": "scorer",
    "Timing": "result",
    "load": "scorer",
}

__all__ = [
    "BundleError",
    "CameraError",
    "DeepBIQError",
    "EngineError",
    "Failure",
    "ImageError",
    "Limits",
    "OptionError",
    "Score",
    "Scorer",
    "Timing",
    "__version__",
    "load",
]


def __getattr__(name: str) -> object:
    # PEP 562: a name is imported when it is first used, so that `import deepbiq` stays instant.
    if name not in _HOMES:
        raise AttributeError(f"module 'deepbiq' has no attribute {name!r}")
    value = getattr(import_module(f"deepbiq.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
