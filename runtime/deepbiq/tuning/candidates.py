"""What is worth trying on a machine, and what would cost accuracy and is not even timed."""

from __future__ import annotations

from deepbiq.bundle import Bundle
from deepbiq.configuration import Configuration
from deepbiq.cores import usable_cores
from deepbiq.graphs import graph_key, keeps_accuracy
from deepbiq.setting import Setting
from deepbiq.tuning.trials import Trial

NOT_PROVEN = "its calibration kept no budget for this plan and pooling"


def candidates(bundle: Bundle, setting: Setting, *, with_tensorrt: bool) -> tuple[list[Configuration], list[Trial]]:
    """Lists the configurations to try, most accurate and least greedy first.

    FP16 is tried with TensorRT alone: CPUs compute it in FP32, with conversions on top.

    Args:
        bundle: The opened bundle.
        setting: Plan and pooling.
        with_tensorrt: Whether this machine has a device for TensorRT.

    Returns:
        What to time, and what must not be used, with the reason.
    """
    cores = usable_cores()
    threads = tuple(sorted({1, max(cores // 2, 1), cores}))
    engines: list[tuple[str, tuple[str, ...], tuple[int | None, ...]]] = [
        ("onnxruntime", ("fp32", "int8"), threads)
    ]
    if with_tensorrt:
        engines.append(("tensorrt", ("fp32", "fp16", "int8"), (None,)))
    found, refused = [], []
    for engine, precisions, counts in engines:
        for precision in precisions:
            key = graph_key(precision, engine)
            if key not in bundle.manifest["graphs"]:
                continue
            # FP16 is FP32 rounded, proven on golden pictures wherever it is used; what INT8 costs only a
            # calibration knows.
            if key.startswith("int8") and not keeps_accuracy(bundle.manifest, key, setting.plan, setting.pooling):
                refused.append(Trial(Configuration(engine, precision, None), None, NOT_PROVEN))
                continue
            found += [Configuration(engine, precision, count) for count in counts]
    return found, refused
