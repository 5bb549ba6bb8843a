from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq.cli.exit_codes import USAGE, exit_code_of  # noqa: E402  # after the skip
from deepbiq.errors import OptionError  # noqa: E402
from deepbiq_training.backbones import BACKBONES, CaffeNet, WeightsOrigin, load_backbone, restore_backbone  # noqa: E402


def test_names():
    assert BACKBONES == ("efficientnet_lite0", "caffenet", "alexnet")


def test_a_network_is_restored_with_its_classes_and_its_mean():
    network = CaffeNet(5, mean_bgr=(1.0, 2.0, 3.0))
    restored = restore_backbone("caffenet", network.state_dict())
    assert restored.spec == network.spec
    assert restored.spec.normalisation.mean == (3.0, 2.0, 1.0)
    assert not restored.training
    assert torch.equal(restored.state_dict()["fc8.weight"], network.fc8.weight)


def test_the_packages_weights_are_the_default(packaged_weights):
    network, origin = load_backbone("efficientnet_lite0", None, None)
    assert network.spec.name == "efficientnet_lite0"
    assert origin.licence == "Apache-2.0"


def test_the_mean_is_part_of_what_features_depend_on():
    alone = WeightsOrigin("a.pth", "1" * 64, "unknown")
    assert alone.key == alone.sha256
    keys = {WeightsOrigin("a.caffemodel", "1" * 64, "unknown", mean * 64).key for mean in "12"}
    assert len(keys | {alone.key}) == 3


FILE = Path("some.file")


@pytest.mark.parametrize(
    ("name", "weights", "mean", "match"),
    [
        ("vgg", FILE, None, "unknown backbone 'vgg': use efficientnet_lite0, caffenet, alexnet"),
        ("caffenet", FILE, None, "caffenet needs the mean file.*give it by --mean"),
        ("caffenet", None, FILE, "caffenet has no package with weights: give a file by --weights"),
        ("alexnet", None, None, "alexnet has no package with weights"),
        ("alexnet", FILE, FILE, "alexnet takes no mean file: leave out --mean"),
        ("efficientnet_lite0", None, FILE, "efficientnet_lite0 takes no mean file"),
    ],
)
def test_files_that_do_not_fit_the_backbone_are_refused(name, weights, mean, match):
    with pytest.raises(OptionError, match=match) as caught:
        load_backbone(name, weights, mean)
    assert exit_code_of(caught.value) == USAGE
