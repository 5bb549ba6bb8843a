"""`deepbiq bench scaling` runs for real, small; lines and sizes have closed forms."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the roof is measured with ONNX graphs: install deepbiq[peers]")

from typer.testing import CliRunner

from deepbiq.cli.main import app
from deepbiq_benchmarks.alternation import Timed
from deepbiq_benchmarks.lines import fit_line
from deepbiq_benchmarks.scaling import Point, Series, photo_of
from deepbiq_benchmarks.scaling_text import scaling_table


def test_the_line_is_that_of_least_squares():
    exact = fit_line([1, 2, 4], [5, 7, 11])
    assert (exact.slope, exact.intercept, exact.r2) == pytest.approx((2, 3, 1))
    # Of (0, 0), (1, 1), (2, 0): slope 0 through 1/3, which explains nothing.
    flat = fit_line([0, 1, 2], [0, 1, 0])
    assert (flat.slope, flat.intercept, flat.r2) == pytest.approx((0, 1 / 3, 0), abs=1e-12)
    assert fit_line([3, 3], [1, 2]) is None
    assert fit_line([3], [1]) is None


def test_a_series_stands_beside_its_roof():
    points = [Point(x, Timed(ms, ms, ms, 1), roof, x) for x, ms, roof in ((1, 12, 4), (2, 22, 8))]
    found = Series("crops", "fp32", "crops", "crops", points).describe()
    assert [point["times_roof"] for point in found["points"]] == [3, 2.75]
    assert found["line"]["slope"] == pytest.approx(10)
    assert found["line"]["intercept"] == pytest.approx(2)
    assert found["roof_line"]["slope"] == pytest.approx(4)


@pytest.mark.parametrize("megapixels", [0.01, 0.25, 1.5])
def test_photos_have_their_size_and_begin_with_the_picture(megapixels):
    picture = np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8)
    photo = photo_of(picture, megapixels)
    assert photo.shape[0] * photo.shape[1] == pytest.approx(1e6 * megapixels, rel=0.01)
    assert photo.shape[1] / photo.shape[0] == pytest.approx(4 / 3, rel=0.01)
    height = min(90, photo.shape[0])
    width = min(200, photo.shape[1])
    np.testing.assert_array_equal(photo[:height, :width], picture[:height, :width])


@pytest.mark.slow
def test_the_command_measures_every_series(short_turns, tiny_bundle, samples, tmp_path):
    words = ["bench", "scaling", str(samples[0]), "--bundle", str(tiny_bundle), "--precision", "fp32"]
    words += ["--rounds", "1", "--threads", "1", "--crops", "1", "--crops", "3", "--batch", "2"]
    words += ["--megapixels", "0.25", "--megapixels", "7", "--megapixels", "9", "--results", str(tmp_path)]
    plot = tmp_path / "plot.png"
    if find_spec("matplotlib"):
        words += ["--plot", str(plot)]
    done = CliRunner().invoke(app, [*words, "--format", "json"])
    assert done.exit_code in (0, 1), done.stderr
    result = json.loads(done.stdout)
    (file,) = tmp_path.glob("*.json")
    assert json.loads(file.read_text()) == result
    assert plot.exists() == bool(find_spec("matplotlib"))
    series = {one["name"]: one for one in result["series"]}
    assert list(series) == ["crops", "megapixels, native", "megapixels, auto", "batch", "threads"]
    assert [point["x"] for point in series["crops"]["points"]] == [1, 3]
    assert series["threads"]["line"] is None  # one point makes no line
    for one in series.values():
        for point in one["points"]:
            assert point["times_roof"] == pytest.approx(point["ms"] / point["roof_ms"])
    native, auto = (series[f"megapixels, {scale}"]["points"] for scale in ("native", "auto"))
    assert native[-1]["roof_ms"] > 20 * native[0]["roof_ms"]
    assert auto[-1]["roof_ms"] == auto[-2]["roof_ms"]  # what the network sees does not grow
    assert all(30 < point["memory_mb"] < 2000 for point in native + auto)
    for check in result["memory"]:
        assert check["passes"] == (check["mb_per_megapixel"] <= check["bound"])
    assert result["passes"] == all(check["passes"] for check in result["memory"])
    table = scaling_table([{"benchmark": "parity"}, result])
    assert table.count("\n| ") >= 5
    assert "- Memory, megapixels, native `fp32`: " in table


def test_a_missing_photo_is_an_error(tmp_path):
    done = CliRunner().invoke(app, ["bench", "scaling", str(tmp_path / "missing.jpg")])
    assert done.exit_code == 3
    assert "missing.jpg" in done.stderr


def test_a_size_that_is_no_number_is_refused(samples):
    done = CliRunner().invoke(app, ["bench", "scaling", str(samples[0]), "--megapixels", "nan"])
    assert done.exit_code == 2
    assert "--megapixels is a number of at least 0.01, got [nan]" in done.stderr


def test_the_table_says_so_when_nothing_was_measured():
    assert scaling_table([]) == "*Not measured yet.*"
