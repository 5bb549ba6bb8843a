"""How `deepbiq watch` ends when it is told to."""

import json
import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_in_good_order(tmp_path, number, code):
    command = [sys.executable, "-m", "deepbiq", "watch", str(tmp_path), "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())  # the loop, which tells events, runs
        process.send_signal(number)
        lines, words = process.communicate(timeout=30)
        assert process.returncode == code
        assert all(map(json.loads, lines.splitlines()))
        assert "Traceback" not in words
