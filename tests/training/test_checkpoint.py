from __future__ import annotations

import errno
import json

import pytest

from deepbiq.files import write_atomically

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
pytest.importorskip("safetensors", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import EfficientNetLite0  # noqa: E402  # after the skip
from deepbiq_training.checkpoint import (  # noqa: E402
    BACKBONE_FILE,
    DESCRIPTION,
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)

REGRESSORS = {"regressors/dense.npz": b"bytes"}


@pytest.fixture(scope="module")
def network():
    return EfficientNetLite0()


@pytest.fixture
def folder(tmp_path, network):
    write_checkpoint(tmp_path / "run", {"backbone": "efficientnet_lite0", "seed": 3}, network, REGRESSORS)
    return tmp_path / "run"


def test_round_trip(folder, network):
    checkpoint = read_checkpoint(folder)
    assert checkpoint.description["seed"] == 3
    assert checkpoint.regressors == REGRESSORS
    for name, tensor in network.state_dict().items():
        assert torch.equal(checkpoint.backbone.state_dict()[name], tensor)


@pytest.mark.parametrize("name", [BACKBONE_FILE, "regressors/dense.npz"])
def test_a_changed_file_is_refused(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(CheckpointError, match="does not match its SHA-256"):
        read_checkpoint(folder)


def test_a_missing_file_is_refused(folder):
    (folder / BACKBONE_FILE).unlink()
    with pytest.raises(CheckpointError, match=f"{BACKBONE_FILE} cannot be read"):
        read_checkpoint(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}'])
def test_another_description_is_refused(folder, text):
    (folder / DESCRIPTION).write_text(text)
    with pytest.raises(CheckpointError):
        read_checkpoint(folder)


@pytest.mark.parametrize("change", [{"backbone": "alexnet"}, {"files": {}}, {"files": None}])
def test_a_description_of_something_else_is_refused(folder, change):
    description = {**json.loads((folder / DESCRIPTION).read_text()), **change}
    (folder / DESCRIPTION).write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match="do not belong together"):
        read_checkpoint(folder)


def test_a_folder_without_description_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint of a finished training"):
        read_checkpoint(tmp_path)


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def rewrite(folder, monkeypatch):
    """Writes another checkpoint into the folder, which fails at one of its files."""

    def rewrite(failing, error):
        def write(path, data):
            if failing in path.name:
                raise error
            write_atomically(path, data)

        description = {"backbone": "efficientnet_lite0", "seed": 4}
        with monkeypatch.context() as patch:
            patch.setattr("deepbiq_training.checkpoint.write_atomically", write)
            with pytest.raises(type(error)):
                write_checkpoint(folder, description, EfficientNetLite0(), {"regressors/dense.npz": b"other"})

    return rewrite


@pytest.mark.parametrize("failing", [BACKBONE_FILE, "dense.npz", DESCRIPTION])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_write_that_fails_keeps_the_old_checkpoint(folder, rewrite, failing, error):
    before = files_of(folder)
    rewrite(failing, error)
    checkpoint = read_checkpoint(folder)
    assert (checkpoint.description["seed"], checkpoint.regressors) == (3, REGRESSORS)
    assert files_of(folder) == before


def test_a_write_that_is_killed_before_its_files_have_their_names_is_whole(folder, network, monkeypatch):
    before = files_of(folder)
    with monkeypatch.context() as patch:
        patch.setattr("deepbiq_training.checkpoint._settle", lambda folder, names: None)
        description = {"backbone": "efficientnet_lite0", "seed": 4}
        write_checkpoint(folder, description, network, {"regressors/dense.npz": b"other"})
    assert read_checkpoint(folder).regressors == {"regressors/dense.npz": b"other"}
    write_checkpoint(folder, {**description, "seed": 5}, network, {"regressors/dense.npz": b"third"})
    assert read_checkpoint(folder).regressors == {"regressors/dense.npz": b"third"}
    assert files_of(folder) == before


def test_a_first_write_that_fails_is_no_checkpoint(folder, rewrite):
    (folder / DESCRIPTION).unlink()
    rewrite(DESCRIPTION, KeyboardInterrupt())
    with pytest.raises(CheckpointError, match="no checkpoint of a finished training"):
        read_checkpoint(folder)
