"""The command line as a whole: help, versions, exit codes of a real process."""

import json
import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import deepbiq
from deepbiq.cli.exit_codes import exit_code_of
from deepbiq.errors import BundleError, CameraError, EngineError, ImageError, OptionError
from deepbiq.extras import MissingExtraError, require_extra

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
    print(samples[0], file=process.stdin, flush=True)
    assert process.stdout.readline(), "it scores, and will wait for the rest of its list"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in stderr


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_a_program_may_wait_for_each_answer_before_it_asks_again(tiny_bundle, samples, separator):
    command = [sys.executable, "-m", "deepbiq", "score", "--bundle", str(tiny_bundle), "--format", "jsonl", "-"]
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, text=True) as process:
        for picture in (samples[0], "missing.jpg", samples[1]):
            print(picture, end=separator, file=process.stdin, flush=True)
            assert json.loads(process.stdout.readline())["path"] == str(picture)
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 3


def ended_in_shell(redirection, *arguments, environment=(), **options):
    """Runs the command with a redirection of the shell; standard output is buffered, as it is for users."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "deepbiq", *map(str, arguments)]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=inherited | dict(environment),
        **options,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device on this system")
@pytest.mark.parametrize(
    "words",
    ["score", "score --format json", "score --format jsonl", "score --format csv", "info", "doctor", "--version"],
)
def test_a_full_disk_is_one_line_and_no_verdict(tiny_bundle, samples, words):
    verb, *options = words.split()
    bundle = {
        "score": ["--bundle", tiny_bundle, samples[0]],
        "info": [tiny_bundle],
        "doctor": ["--bundle", tiny_bundle],
    }.get(verb, [])
    done = ended_in_shell("> /dev/full", verb, *options, *bundle)
    assert done.stderr == "deepbiq: standard output: No space left on device\n"
    assert done.returncode == 2


def test_a_row_that_was_cut_by_a_full_disk_is_told(tiny_bundle, samples, tmp_path):
    done = ended_in_shell(
        f"> {tmp_path / 'out.csv'}", "score", "--bundle", tiny_bundle, "--format", "csv", *[samples[0]] * 200,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4096, 4096)),
    )  # fmt: skip
    assert done.stderr == "deepbiq: standard output: File too large\n"
    assert done.returncode == 2


def test_results_for_a_closed_standard_output_are_an_error(tiny_bundle, samples):
    done = ended_in_shell(">&-", "score", "--bundle", tiny_bundle, samples[0])
    assert done.stderr == "deepbiq: standard output: Bad file descriptor\n"
    assert done.returncode == 2


def test_a_closed_standard_input_is_an_empty_list(tiny_bundle):
    done = ended_in_shell("<&-", "score", "--bundle", tiny_bundle, "-")
    assert "the list on standard input is empty" in done.stderr
    assert done.returncode == 2


def test_faults_do_not_get_among_the_results_where_standard_error_is_closed(tiny_bundle, samples, tmp_path):
    done = ended_in_shell("2>&-", "score", "--bundle", tiny_bundle, tmp_path / "missing.jpg", samples[0])
    assert done.stdout.count("\n") == 1
    assert samples[0].name in done.stdout
    assert done.returncode == 3


def test_what_an_encoding_lacks_is_printed_as_an_escape(tiny_bundle, samples):
    done = ended_in_shell(
        "", "score", "--bundle", tiny_bundle, samples[0], environment={"PYTHONIOENCODING": "ascii"}
    )
    assert r"\xb1" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "raised", ["KeyError('bug')", "EOFError('bug')", "BrokenPipeError(32, 'bug')", "AssertionError('bug')"]
)
def test_a_bug_is_a_traceback_and_no_verdict(raised):
    code = f"""
from deepbiq.cli import info, main
def broken() -> None:
    raise {raised}
info.info = broken
main.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "info"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" in done.stderr
    assert raised.partition("(")[0] in done.stderr
    assert done.returncode == 4


@pytest.mark.parametrize("words", ["score --format jsonl -", "info"])
def test_a_reader_that_has_gone_away_is_silent_and_no_verdict(tiny_bundle, words):
    verb, *options = words.split()
    command = [
        sys.executable,
        "-m",
        "deepbiq",
        verb,
        *(["--bundle"] if options else []),
        str(tiny_bundle),
        *options,
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    _, stderr = process.communicate(input="missing\n" * 5000, timeout=60)
    assert stderr == ""
    assert process.returncode == 141
