"""A dozen pictures in every official layout: the blurrier, the worse the score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from deepbiq_training.datasets.csiq import HEADING
from deepbiq_training.datasets.koniq10k import SETS_TABLE
from deepbiq_training.datasets.live import FOLDERS
from deepbiq_training.datasets.live_challenge import TRAINING_PICTURES
from deepbiq_training.datasets.spaq import WORKBOOK
from tests.training.datasets.layouts import cell_column, cell_row, row_vector, touch, write_mat, write_xlsx
from tests.training.miniature import PICTURES, miniature_picture, write_miniature_biq2021

QUALITIES = np.linspace(0, 1, PICTURES).round(3).tolist()


def write_pictures(folder: Path, names: list[str]) -> None:
    for number, (name, quality) in enumerate(zip(names, QUALITIES, strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / name), miniature_picture(number, quality))


def write_csiq(root: Path) -> None:
    originals = [f"scene{number // 2}" for number in range(PICTURES)]
    levels = [1 + number % 2 for number in range(PICTURES)]
    names = [f"blur/{original}.BLUR.{level}.png" for original, level in zip(originals, levels, strict=True)]
    write_pictures(root / "dst_imgs", names)
    rows = [
        [original, 4, "blur", level, 0.05, 1 - quality]
        for original, level, quality in zip(originals, levels, QUALITIES, strict=True)
    ]
    table = [[None, None, None, *row] for row in [HEADING, *rows]]
    write_xlsx(root / "csiq.DMOS.xlsx", all_by_image=table)


def write_csv(file: Path) -> None:
    names = [f"photos/{number}.jpg" for number in range(PICTURES)]
    write_pictures(file.parent, names)
    rows = [f"{name},{1 + 4 * quality:.3f}" for name, quality in zip(names, QUALITIES, strict=True)]
    file.write_text("\n".join(["path,mos", *rows]))


def write_koniq10k(root: Path) -> None:
    names = [f"{number}.jpg" for number in range(PICTURES)]
    write_pictures(root / "1024x768", names)
    rows = [f"{name},{1 + 99 * quality:.2f},0.5,training" for name, quality in zip(names, QUALITIES, strict=True)]
    (root / SETS_TABLE).write_text("\n".join(["image_name,MOS,SD,set", *rows]))


def write_live(root: Path) -> None:
    """The first pictures of JPEG 2000 are real, all others count as undistorted, which are left out."""
    names = [f"{folder}/img{number}.bmp" for folder, count in FOLDERS.items() for number in range(1, count + 1)]
    touch(root, *names)
    write_pictures(root, names[:PICTURES])
    others = len(names) - PICTURES
    dmos = [100 * (1 - quality) for quality in QUALITIES] + [0.0] * others
    originals = [f"scene{number // 2}.bmp" for number in range(len(names))]
    write_mat(
        root / "dmos_realigned.mat",
        dmos_new=row_vector(dmos),
        dmos_std=row_vector([5.0] * len(names)),
        orgs=row_vector([0] * PICTURES + [1] * others),
    )
    write_mat(root / "refnames_all.mat", refnames_all=cell_row(originals))


def write_live_challenge(root: Path) -> None:
    names = [f"{number}.bmp" for number in range(PICTURES)]
    write_pictures(root / "Images", names)
    touch(root / "Images" / "trainingImages", *TRAINING_PICTURES)
    training = len(TRAINING_PICTURES)
    scores = [50.0] * training + [100 * quality for quality in QUALITIES]
    data = root / "Data"
    write_mat(data / "AllImages_release.mat", AllImages_release=cell_column([*TRAINING_PICTURES, *names]))
    write_mat(data / "AllMOS_release.mat", AllMOS_release=row_vector(scores))
    write_mat(data / "AllStdDev_release.mat", AllStdDev_release=row_vector([20.0] * len(scores)))


def write_spaq(root: Path) -> None:
    names = [f"{number:05}.jpg" for number in range(PICTURES)]
    write_pictures(root / "TestImage", names)
    rows = [[name, 100 * quality] for name, quality in zip(names, QUALITIES, strict=True)]
    write_xlsx(root / "Annotations" / WORKBOOK, Sheet1=[["Image name", "MOS"], *rows])


def write_tid(root: Path) -> None:
    names = [f"i{1 + number // 3:02}_08_{1 + number % 3}.bmp" for number in range(PICTURES)]
    write_pictures(root / "distorted_images", names)
    lines = [f"{9 * quality:.3f} {name}" for name, quality in zip(names, QUALITIES, strict=True)]
    (root / "mos_with_names.txt").write_text("\n".join(lines))
    (root / "mos_std.txt").write_text("0.1\n" * PICTURES)


WRITERS: dict[str, Callable[[Path], None]] = {
    "biq2021": write_miniature_biq2021,
    "csiq": write_csiq,
    "csv": write_csv,
    "koniq10k": write_koniq10k,
    "live": write_live,
    "live-challenge": write_live_challenge,
    "spaq": write_spaq,
    "tid2008": write_tid,
    "tid2013": write_tid,
}
"""By name of the data set; each is given the path that `--root` takes."""
