"""`engine="auto"`: TensorRT where it works; where a device is there and it does not, one line says why.

Machines without an NVIDIA device get no such line, unless TensorRT is installed: somebody expects it to work.
"""

from __future__ import annotations

from importlib.util import find_spec

from deepbiq.bundle import Bundle
from deepbiq.cuda import NoDeviceError, find_device
from deepbiq.engines.protocol import Engine
from deepbiq.errors import BundleError, EngineError
from deepbiq.notes import note
from deepbiq.plans import Plan


def tensorrt_if_possible(bundle: Bundle, precision: str, plan: Plan) -> Engine | None:
    """Starts TensorRT, or notes why ONNX Runtime works instead.

    An engine that could not be built, did not reproduce the golden scores, or is intact and does not load is not
    built again: that would cost minutes at every start. Asking for `tensorrt` by name, or `deepbiq build`, tries
    again.

    Args:
        bundle: The opened bundle.
        precision: As users write it.
        plan: The sampling plan.

    Raises:
        OptionError: When there is no such precision.
    """
    try:
        find_device()
    except NoDeviceError as error:
        if find_spec("tensorrt") is not None:
            _say(error)
        return None
    except EngineError as error:
        _say(error)
        return None
    from deepbiq.engines.tensorrt.prepare import start_engine

    try:
        return start_engine(bundle, precision, plan, again=False)
    except (BundleError, EngineError) as error:
        _say(error)
        return None


def _say(reason: BundleError | EngineError) -> None:
    note(f"engine auto takes onnxruntime, not tensorrt: {reason}")
