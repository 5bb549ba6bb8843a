"""The command line as a whole: help, versions, exit codes of a real process."""

import signal
import subprocess
import sys
from functools import partial

import pytest

import deepbiq
from deepbiq.cli.exit_codes import exit_code_of
from deepbiq.errors import BundleError, CameraError, EngineError, ImageError, OptionError
from deepbiq.extras import MissingExtraError, require_extra

SEVERAL = 20
"""More pictures than a stream works on before it gives out the first score."""
VERBS = ["score", "info", "doctor", "train", "export", "bench", "bench accuracy", "bench overhead"]


def deepbiq_process(*arguments, **options):
    command = [sys.executable, "-m", "deepbiq", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def test_version(run):
    assert run("--version")[:2] == (0, f"deepbiq {deepbiq.__version__}\n")


def test_the_help_lists_every_verb_and_the_exit_codes(run):
    code, stdout, _ = run("--help")
    assert code == 0
    for verb in VERBS:
        assert verb.partition(" ")[0] in stdout
    assert "130" in stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(run, verb):
    code, stdout, _ = run(*verb.split(), "--help")
    assert code == 0
    assert len(stdout) > 200


@pytest.mark.parametrize("words", [["unknown"], ["bench", "unknown"], ["score"], ["info", "a", "b"]], ids=" ".join)
def test_usage_errors(run, words):
    assert run(*words)[0] == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OptionError("x"), 2), (ImageError("x", "y"), 3), (BundleError("x"), 4), (EngineError("x"), 4),
        (CameraError("x"), 5), (MissingExtraError("x"), 2),
    ],
)  # fmt: skip
def test_exit_codes_by_error(error, code):
    assert exit_code_of(error) == code


def test_a_missing_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"nosuchmodule.*pip install 'deepbiq\[train\]'"):
        require_extra("train", "sys", "nosuchmodule")


def test_a_real_process_ends_with_the_code(tiny_bundle, tmp_path):
    done = deepbiq_process("score", "--bundle", tiny_bundle, tmp_path / "missing.jpg")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_ends_with_130(tiny_bundle, samples):
    command = [sys.executable, "-m", "deepbiq", "score", "--bundle", str(tiny_bundle), "--format", "jsonl", "-"]
    # A shell's background job ignores the signal, and its children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, **pipes, text=True, preexec_fn=heed)
    for _ in range(SEVERAL):
        print(samples[0], file=process.stdin)
    process.stdin.flush()
    assert process.stdout.readline(), "it scores, and will wait for the rest of its list"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_a_closed_pipe_is_no_traceback(tiny_bundle, tmp_path):
    command = [sys.executable, "-m", "deepbiq", "score", "--bundle", str(tiny_bundle), "--format", "jsonl", "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    _, stderr = process.communicate(input="missing\n" * 5000, timeout=60)
    assert "Traceback" not in stderr
