import numpy as np

from deepbiq.quality_map import clip_map, map_of_crops, overlay


def test_crops_cover_the_cells_whose_centre_they_hold():
    positions = np.array([[0, 0], [0, 32]])
    drawn = map_of_crops(np.array([20.0, 80.0]), positions, 64, (64, 128), 32)
    np.testing.assert_allclose(drawn, [[20, 50, 80, np.nan]] * 2)


def test_partial_cells_at_the_edge_count():
    drawn = map_of_crops(np.array([50.0]), np.array([[0, 0]]), 70, (70, 70), 32)
    assert drawn.shape == (3, 3)
    np.testing.assert_array_equal(drawn, 50)


def test_maps_are_clipped_and_keep_what_is_unknown():
    np.testing.assert_array_equal(
        clip_map(np.array([[-3.0, 50.0, 130.0, np.nan]])), np.float32([[0, 50, 100, np.nan]])
    )


def test_overlay_is_red_where_worse_blue_where_better_grey_where_equal_and_itself_where_unknown():
    picture = np.zeros((64, 132, 3), np.uint8)
    picture[:] = (80, 90, 100)
    drawn = overlay(picture, np.float32([[30, 50, 70, 50, np.nan]] * 2), 32).astype(int)
    assert drawn.shape == picture.shape
    blue, green, red = np.moveaxis(drawn, -1, 0)
    assert (red[:, :16] > blue[:, :16] + 50).all()
    assert (blue[:, 76:84] > red[:, 76:84] + 50).all()
    assert abs(red[:, 47:49] - green[:, 47:49]).max() < 12
    np.testing.assert_array_equal(drawn[:, 128:], picture[:, 128:])


def test_overlay_of_an_even_picture_is_grey():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    drawn = overlay(picture, np.full((2, 2), 55, np.float32), 32)
    assert (drawn == drawn[..., :1]).all()
