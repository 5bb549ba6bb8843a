from __future__ import annotations

import numpy as np
import pytest

from deepbiq.cli.exit_codes import USAGE, exit_code_of
from deepbiq_training.finetuning.classes import CLASS_CENTRES, EmptyClassError, class_of, class_weights


@pytest.mark.parametrize(
    ("mos", "number"),
    [(0, 0), (20, 0), (20.001, 1), (40, 1), (40.001, 2), (60, 2), (60.001, 3), (80, 3), (80.001, 4), (100, 4)],
)
def test_a_border_belongs_to_the_class_below(mos, number):
    assert class_of(mos) == number


def test_each_centre_lies_in_its_class():
    assert CLASS_CENTRES == (10, 30, 50, 70, 90)
    assert [class_of(centre) for centre in CLASS_CENTRES] == [0, 1, 2, 3, 4]


def test_weights_are_the_most_frequent_over_the_own_frequency():
    scores = [10] * 1 + [30] * 2 + [50] * 4 + [70] * 8 + [90] * 3
    np.testing.assert_allclose(class_weights(scores), [8, 4, 2, 1, 8 / 3], rtol=1e-6)


def test_a_class_with_no_member_is_named():
    with pytest.raises(EmptyClassError, match="none of the 3 training pictures is bad or excellent") as caught:
        class_weights([30, 50, 70])
    assert exit_code_of(caught.value) == USAGE
