"""The real thing: BIQ2021, and a bundle whose head knows one subset alone."""

from __future__ import annotations

import numpy as np
import pytest

from deepbiq.agreement import agreement
from deepbiq.bundle import Bundle, default_bundle_path, open_bundle, write_bundle
from deepbiq.datasets import RatingScale, read_biq2021
from deepbiq.errors import DeepBIQError
from deepbiq.plans import Plan
from deepbiq.reference import FP32
from deepbiq.refitting.features import average_features
from deepbiq.refitting.fitting import Choice, ScoreFitter
from deepbiq.refitting.new_bundle import with_golden_scores
from deepbiq.refitting.ratings import read_ratings
from deepbiq.refitting.refit import refit_bundle
from deepbiq.refitting.refitted import Procedure
from deepbiq.regression import regressors_from_npz, regressors_to_npz
from deepbiq.setting import settle
from tests.runtime.refitting.refit_material import write_csv

WHOLE = Plan("whole")
"""One crop per picture: the quickest plan."""
OLD, USERS, HELD_BACK = 50, 300, 80


def drawn(root):
    """Pictures of one subset for the old head, others for the user, and others that nobody has seen."""
    pictures = read_biq2021(root, "train")
    order = np.random.default_rng(0).permutation(len(pictures))
    one_subset = [i for i in order if pictures[i].subset == "ss01"][:OLD]
    others = [i for i in order if i not in set(one_subset)]
    parts = one_subset, others[:USERS], others[USERS : USERS + HELD_BACK]
    return [[pictures[i] for i in part] for part in parts]


def features(bundle, pictures):
    return average_features(bundle, FP32, WHOLE, [picture.path for picture in pictures], lambda: None).rows


def mos(pictures):
    return np.array([picture.mos for picture in pictures])


def one_subset_bundle(folder, known):
    """The default bundle with FP32 alone and a head that was fitted to some pictures."""
    default = open_bundle(default_bundle_path())
    file = default.manifest["plans"]["whole"]["regressors"]
    heads = regressors_from_npz(default.files[file], name=file)
    fitter = ScoreFitter(features(default, known), mos(known), heads["feature-avg"])
    head = fitter.fit(Choice("zero", 1.0))
    files = {**default.files, file: regressors_to_npz({**heads, "feature-avg": head, "prediction": head})}
    manifest = {key: value for key, value in default.manifest.items() if key != "files"}
    manifest["graphs"] = {FP32: manifest["graphs"][FP32]}
    manifest["plans"] = {"whole": manifest["plans"]["whole"]}
    manifest["default"] = {"plan": "whole"}
    write_bundle(folder, with_golden_scores(Bundle(folder, manifest, "", files), ()), files)
    return open_bundle(folder)


@pytest.mark.slow
def test_a_head_of_one_subset_gains_on_held_back_pictures_and_random_scores_do_not(biq2021, tmp_path):
    known, users, held_back = drawn(biq2021)
    old = one_subset_bundle(tmp_path / "old", known)

    def refit(scores):
        rows = [(picture.path, score) for picture, score in zip(users, scores, strict=True)]
        ratings = read_ratings(write_csv(tmp_path / "r.csv", ["path", "score"], rows), RatingScale(0, 100))
        return refit_bundle(
            old, ratings, tmp_path / "new", plans=(), procedure=Procedure(5, 0), advance=lambda: None
        )

    with pytest.raises(DeepBIQError, match="by chance alone"):
        refit(np.random.default_rng(0).permutation(mos(users)))
    refit(mos(users))
    rows = features(old, held_back)
    heads = [settle(bundle, WHOLE, None, "auto").heads for bundle in (old, open_bundle(tmp_path / "new"))]
    before, after = (agreement(found["feature-avg"].predict(rows).clip(0, 100), mos(held_back)) for found in heads)
    assert after.srocc > before.srocc + 0.01
    assert after.mae < before.mae
