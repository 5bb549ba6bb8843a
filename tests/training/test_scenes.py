from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")
pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq.datasets import DataSetError, RatedPicture  # after the skip
from deepbiq_training.scenes import SAME_SCENE, find_scenes, read_descriptors, scene_descriptor, scene_ids
from tests.training.miniature import miniature_picture


def exposed(bgr, gain):
    return np.clip(bgr.astype(np.float64) * gain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lambda bgr: exposed(bgr, 0.3),
        lambda bgr: exposed(bgr, 1.3),
        lambda bgr: cv2.GaussianBlur(bgr, (0, 0), 4),
        lambda bgr: cv2.resize(bgr, (128, 128)),
        lambda bgr: exposed(bgr, 1) // 64 * 64,
    ],
    ids=["under-exposed", "over-exposed", "blurred", "smaller", "few levels"],
)
def test_a_change_of_quality_keeps_the_scene(change):
    original = miniature_picture(1, 1.0)
    assert scene_descriptor(original) @ scene_descriptor(change(original)) > SAME_SCENE


def test_different_pictures_are_different_scenes():
    descriptors = np.stack([scene_descriptor(miniature_picture(i, 1.0)) for i in range(8)])
    similarity = descriptors @ descriptors.T - np.eye(8)
    assert similarity.max() < SAME_SCENE / 2


def test_one_colour_resembles_nothing():
    grey = np.full((100, 100, 3), 90, dtype=np.uint8)
    assert not scene_descriptor(grey).any()


def unit(*rows):
    array = np.array(rows, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_similar_pictures_join_and_chain():
    a, b, c = (1, 0, 0), (0.8, 0.6, 0), (0.28, 0.96, 0)  # a-b and b-c 0.8, a-c 0.28
    assert len(set(scene_ids(unit(a, (0, 0, 1), b, c), ["p", "q", "r", "s"])[[0, 2, 3]])) == 1
    assert len(set(scene_ids(unit(a, (0, 0, 1), b, c), ["p", "q", "r", "s"]))) == 2


def test_pictures_inside_a_series_join_at_less_similarity():
    rows = unit((1, 0, 0), (0, 0, 1), (0.4, 0.9, 0))
    black_between = ["ss01 (8).jpg", "ss01 (9).jpg", "ss01 (10).jpg"]
    assert len(set(scene_ids(rows, black_between))) == 1
    assert len(set(scene_ids(rows, ["x.jpg", "y.jpg", "z.jpg"]))) == 3


def test_series_end_at_another_name():
    rows = unit((1, 0), (0.4, 0.9))
    assert len(set(scene_ids(rows, ["ss01 (8).jpg", "ss02 (9).jpg"]))) == 2


def test_series_reach_ends():
    rows = unit((1, 0, 0), *[(0, 0, 0.1)] * 6, (0.4, 0.9, 0))
    rows[1:7] = 0
    assert len(set(scene_ids(rows, [f"s{i}" for i in range(8)]))) == 8


def test_partition_does_not_depend_on_order():
    generator = np.random.default_rng(0)
    rows = unit(*generator.normal(size=(60, 4)))
    names = [f"a{i}" for i in range(60)]
    order = generator.permutation(60)
    ids, shuffled = scene_ids(rows, names), scene_ids(rows[order], [names[i] for i in order])
    together = ids[order][:, None] == ids[order][None]
    assert (together == (shuffled[:, None] == shuffled[None])).all()


def test_unreadable_pictures_are_listed(miniature):
    paths = sorted((miniature / "Images").iterdir())
    for path in paths[:2]:
        path.write_text("no picture")
    with pytest.raises(DataSetError, match="2 pictures cannot be read") as caught:
        read_descriptors([RatedPicture(path, 50.0) for path in paths])
    assert all(path.name in str(caught.value) for path in paths[:2])


def rated(folder, groups):
    """Pictures that look different from each other, in groups."""
    pictures = []
    for number, group in enumerate(groups):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), miniature_picture(number, 1.0))
        pictures.append(RatedPicture(path, 50.0, group=group))
    return pictures


def test_a_data_sets_own_groups_are_its_scenes(tmp_path):
    scenes, rule = find_scenes(rated(tmp_path, ["I02", "I01", "I02", "I01"]))
    assert scenes.tolist() == [1, 0, 1, 0]
    assert rule == {"by": "the data set's groups"}


def test_unreadable_pictures_are_listed_where_there_are_groups_too(tmp_path):
    pictures = rated(tmp_path, ["I02", "I01", "I02", "I01"])
    for number in (1, 3):
        path = pictures[number].path
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataSetError, match=r"2 pictures cannot be read: .*1\.png.*3\.png"):
        find_scenes(pictures)


def test_pictures_without_groups_are_looked_at(tmp_path):
    scenes, rule = find_scenes(rated(tmp_path, ["", "", ""]))
    assert sorted(scenes.tolist()) == [0, 1, 2]
    assert rule["anywhere"] == SAME_SCENE
