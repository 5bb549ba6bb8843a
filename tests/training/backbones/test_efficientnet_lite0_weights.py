from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import WeightsError  # noqa: E402  # after the skip
from deepbiq_training.backbones.efficientnet_lite0_weights import (  # noqa: E402  # after the skip
    PACKAGE,
    PACKAGE_SHA256,
    load_efficientnet_lite0,
)


@pytest.fixture
def state(packaged_weights):
    return torch.load(packaged_weights, weights_only=True)


@pytest.fixture
def refusal(tmp_path):
    """Saves something as a weights file and returns the message of its refusal."""

    def refuse(content):
        path = tmp_path / "weights.pth"
        torch.save(content, path)
        with pytest.raises(WeightsError) as caught:
            load_efficientnet_lite0(path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    return refuse


def test_packaged_weights_are_recognised(packaged_weights):
    network, origin = load_efficientnet_lite0(packaged_weights)
    assert (origin.source, origin.sha256, origin.licence) == (PACKAGE, PACKAGE_SHA256, "Apache-2.0")
    assert not network.training


def test_other_weights_keep_their_own_name(state, tmp_path):
    state["_fc.bias"] = state["_fc.bias"] + 1
    torch.save(state, tmp_path / "mine.pth")
    origin = load_efficientnet_lite0(tmp_path / "mine.pth")[1]
    assert (origin.source, origin.licence) == ("mine.pth", "unknown")


def test_missing_name_is_listed(state, refusal):
    del state["_blocks.3._expand_conv.weight"]
    assert "blocks.3.expand.conv.weight is missing" in refusal(state)


def test_unknown_name_is_listed(state, refusal):
    state["_blocks.3._se_reduce.weight"] = torch.zeros(1)
    assert "_blocks.3._se_reduce.weight is not part of the network" in refusal(state)


def test_wrong_shape_is_listed(state, refusal):
    state["_fc.weight"] = torch.zeros(10, 1000)
    assert "classifier.weight has shape (10, 1000), expected (10, 1280)" in refusal(state)


def test_many_differences_are_counted(refusal):
    assert "and 291 more" in refusal({})


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_values_that_are_no_numbers_are_listed(state, refusal, value):
    for name in ("_conv_head.weight", "_bn1.running_var"):
        state[name] = torch.full_like(state[name], value)
    message = refusal(state)
    assert "NaN or infinite values in " in message
    assert "head.conv.weight" in message
    assert "head.norm.running_var" in message
    assert "stem.conv.weight" not in message


def test_no_state_dict_is_refused(refusal):
    assert "expected a state dict" in refusal([torch.zeros(1)])


def test_objects_are_not_unpickled(refusal):
    assert "not a readable PyTorch weights file" in refusal({"_fc.bias": pytest.raises})


def test_text_is_refused(tmp_path):
    (tmp_path / "weights.pth").write_text("not weights")
    with pytest.raises(WeightsError, match="not a readable PyTorch weights file"):
        load_efficientnet_lite0(tmp_path / "weights.pth")


def test_a_reason_that_is_only_a_number_has_a_name(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"hello" * 100)
    with pytest.raises(WeightsError, match=r"not a readable PyTorch weights file \(\w*Error: .*101\)"):
        load_efficientnet_lite0(tmp_path / "weights.pth")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"weights\.pth"):
        load_efficientnet_lite0(tmp_path / "weights.pth")
