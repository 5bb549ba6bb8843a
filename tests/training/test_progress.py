from __future__ import annotations

import logging

from deepbiq_training.progress import track


def test_items_pass_in_order_and_the_end_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="deepbiq_training.progress"):
        assert list(track([3, 1, 2], "counting")) == [3, 1, 2]
    assert caplog.messages[-1].startswith("counting: 3 in")


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert list(track([3, 1, 2], "counting")) == [3, 1, 2]
    assert "counting" in capsys.readouterr().err
