"""Messages of a real library: TensorRT-RTX speaks without a device, and its loggers are those of TensorRT."""

import pytest

from deepbiq.engines.tensorrt.messages import KEPT, Messages

pytestmark = pytest.mark.tensorrt


@pytest.fixture
def library():
    return pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx")


def test_warnings_and_errors_are_kept_until_they_are_taken(library):
    messages = Messages(library)
    messages.logger.log(library.ILogger.INFO, "building")
    messages.logger.log(library.ILogger.ERROR, "two\n  lines")
    messages.logger.log(library.ILogger.WARNING, "beware")
    assert messages.take() == "two lines; beware"
    assert messages.take() == "TensorRT gave no reason"


def test_only_the_latest_are_kept(library):
    messages = Messages(library)
    for number in range(KEPT + 5):
        messages.logger.log(library.ILogger.ERROR, f"fault {number}")
    assert messages.take().split("; ") == [f"fault {number}" for number in range(5, KEPT + 5)]


def test_what_the_library_itself_says_arrives(library):
    messages = Messages(library)
    engine = library.Runtime(messages.logger).deserialize_cuda_engine(b"not a plan" * 100)
    assert engine is None
    assert "rror" in messages.take()
