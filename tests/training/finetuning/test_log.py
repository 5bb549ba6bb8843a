from __future__ import annotations

from deepbiq_training.finetuning.curves import draw_curves
from deepbiq_training.finetuning.log import TrainingLog, read_log


def row(step, **more):
    return {
        "epoch": 1,
        "step": step,
        "loss": 0.5,
        "loss_a": 0.5,
        "learning_rate": 1e-4,
        "seconds": 2.0 * step,
        **more,
    }


def test_rows_come_back(tmp_path):
    log = TrainingLog(tmp_path / "log.csv", ("a",))
    log.begin(0)
    log.append(row(1))
    log.append(row(2, validation_plcc=0.75, validation_srocc=0.5))
    header = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert header == "epoch,step,loss,loss_a,learning_rate,validation_plcc,validation_srocc,seconds"
    first, second = read_log(log.path)
    assert first == {**row(1), "validation_plcc": None, "validation_srocc": None}
    assert second == row(2, validation_plcc=0.75, validation_srocc=0.5)


def test_what_the_state_does_not_know_of_is_dropped(tmp_path):
    log = TrainingLog(tmp_path / "log.csv", ("a",))
    log.begin(0)
    for step in (1, 2, 3):
        log.append(row(step))
    with log.path.open("a") as file:
        file.write("1,4,0.")
    assert [found["step"] for found in read_log(log.path)] == [1, 2, 3]
    log.begin(2)
    log.append(row(3))
    assert [found["step"] for found in read_log(log.path)] == [1, 2, 3]


def test_curves_are_a_png(tmp_path):
    rows = [row(1), row(2, validation_plcc=0.75, validation_srocc=0.5)]
    rows[0] |= {"validation_plcc": None, "validation_srocc": None}
    draw_curves(rows, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
