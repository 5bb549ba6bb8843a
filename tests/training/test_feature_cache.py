from __future__ import annotations

import errno
import os

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq.plans import Plan  # after the skip
from deepbiq_training.feature_cache import FeatureCache

FEATURES = np.arange(12, dtype=np.float16).reshape(3, 4)
KEY = {"weights_sha256": "0" * 64, "plan": Plan("grid", 3), "short_side": 512}
DIGEST = "ab" * 32


def test_what_was_put_is_found_by_another_instance(tmp_path):
    FeatureCache(tmp_path, **KEY).put(DIGEST, FEATURES)
    found = FeatureCache(tmp_path, **KEY).get(DIGEST)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, FEATURES)


@pytest.mark.parametrize(
    "other", [{"weights_sha256": "1" * 64}, {"plan": Plan("grid", 4)}, {"plan": Plan("dense")}, {"short_side": 384}]
)
def test_other_keys_do_not_share(tmp_path, other):
    FeatureCache(tmp_path, **KEY).put(DIGEST, FEATURES)
    assert FeatureCache(tmp_path, **{**KEY, **other}).get(DIGEST) is None


@pytest.mark.parametrize("kept", [0, 5, 60, -1])
def test_a_damaged_file_counts_as_missing(tmp_path, kept):
    cache = FeatureCache(tmp_path, **KEY)
    cache.put(DIGEST, FEATURES)
    path = cache.path_of(DIGEST)
    path.write_bytes(path.read_bytes()[:kept])
    assert cache.get(DIGEST) is None


def test_pickled_objects_count_as_missing(tmp_path):
    cache = FeatureCache(tmp_path, **KEY)
    cache.put(DIGEST, FEATURES)
    np.save(cache.path_of(DIGEST), np.array([{}], dtype=object), allow_pickle=True)
    assert cache.get(DIGEST) is None


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_space(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cache = FeatureCache(tmp_path, **KEY)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space left"):
            cache.put(DIGEST, FEATURES)
    assert cache.get(DIGEST) is None
    assert not any(path.is_file() for path in cache.path_of(DIGEST).parent.iterdir())
