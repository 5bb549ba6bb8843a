"""Pictures of one colour with what people say of them, and bundles whose scores have a closed form."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from deepbiq.bundle import Bundle, open_bundle, write_bundle
from deepbiq.refitting.new_bundle import with_golden_scores
from tests.conftest import tiny_files, tiny_manifest


def colours(count, seed=0):
    """(count, 3) blue, green and red of pictures, 0..255."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3))


def write_pictures(folder: Path, colours_bgr) -> list[str]:
    folder.mkdir(exist_ok=True)
    names = []
    for number, colour in enumerate(colours_bgr):
        picture = np.full((96, 96, 3), colour, np.uint8)
        # No two files are the same, whatever their colour.
        picture[0, 0] = number % 256, number // 256, 7
        names.append(f"{number:03d}.png")
        assert cv2.imwrite(str(folder / names[-1]), picture)
    return names


def write_csv(file: Path, heading, rows) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(heading)
        writer.writerows(rows)
    return file


def rated(folder: Path, count=60, noise=5.0, seed=0) -> Path:
    """People who like green: a CSV of scores, 0..100, with noise."""
    found = colours(count, seed)
    names = write_pictures(folder, found)
    scores = found[:, 1] * 100 / 255 + np.random.default_rng(seed + 1).normal(0, noise, count)
    return write_csv(
        folder / "ratings.csv", ["path", "score"], zip(names, scores.clip(0, 100).round(2), strict=True)
    )


def whole_bundle(folder: Path) -> Path:
    """The tiny bundle with golden pictures, INT8 graphs that compute the same, and the score inside its graphs."""
    files = tiny_files()
    picture = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8))[1]
    files["golden/noise.png"] = picture.tobytes()
    manifest = tiny_manifest()
    entry = {**manifest["graphs"]["fp32"], "score_output": "score"}
    cost = {"plan": "dense", "n": 9, "plcc_drop": 0.0, "srocc_drop": 0.0, "mean_shift": 0.0, "shift": 0.0}
    calibration = {"budget": {}, "costs": [cost], "pictures": {"dataset": "old"}}
    manifest["graphs"] = {
        "fp32": entry,
        "int8-cpu": {**entry, "calibration": calibration},
        "int8-tensorrt": {**entry, "calibration": calibration},
    }
    manifest["golden"] = [{"file": "golden/noise.png", "scores": {"dense": 0.0, "grid:4": 0.0}}]
    proven = with_golden_scores(Bundle(folder, manifest, "whole", files), ())
    write_bundle(folder, proven, files)
    return folder


def blue_share(bundle: Path) -> float:
    """What one step of blue adds to the score of the dense plan's head."""
    from deepbiq.setting import settle

    return settle(open_bundle(bundle), None, None, "auto").heads["prediction"].weights[0]
