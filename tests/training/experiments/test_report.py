from __future__ import annotations

import errno
import json

import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")
pytest.importorskip("matplotlib", reason="needs the extra deepbiq[train]")

from deepbiq.errors import OptionError  # after the skip
from deepbiq_training.experiments.outcome import Outcome
from deepbiq_training.experiments.report import (
    Report,
    check_folder,
    draw_boxes,
    markdown_table,
    outcome_cells,
    outcome_header,
    write_report,
)

OUTCOMES = [Outcome(0.81, 0.79, 9.5, 7.25, (0.5, 0.9, 1.0)), Outcome(0.83, 0.81, 10.5, 7.75, (0.6, 0.9, 1.0))]


@pytest.fixture
def report():
    material = {"dataset": "csv", "split": "all", "n": 12, "split_by": "picture"}
    return Report("experiment-x", "A title", {"material": material}, "| a |", draw_boxes("A", {"a": OUTCOMES}))


def test_a_table_shows_medians_and_shares():
    assert outcome_header(OUTCOMES)[-1] == "within 3 std"
    assert outcome_cells(OUTCOMES) == ["0.820", "0.800", "10.00", "7.50", "55.0 %", "90.0 %", "100.0 %"]
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_report_is_three_files_that_say_what_was_measured_where_and_when(report, tmp_path):
    json_file, markdown, plot = write_report(tmp_path, report)
    result = json.loads(json_file.read_text())
    assert result["title"] == "A title"
    assert {"deepbiq", "machine", "date", "material"} <= set(result)
    text = markdown.read_text()
    assert text.startswith("# A title\n\n| a |\n\n*csv all, n = 12, split by picture; deepbiq ")
    assert result["machine"]["processor"] in text
    assert plot.read_bytes()[:4] == b"\x89PNG"


def test_a_full_disk_leaves_the_earlier_report(report, tmp_path, monkeypatch):
    files = write_report(tmp_path, report)
    before = [file.read_bytes() for file in files]

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path, report)
    assert [file.read_bytes() for file in files] == before
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="results folder"):
        check_folder(tmp_path / "file" / "results")
