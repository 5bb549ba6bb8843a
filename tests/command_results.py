"""What tests of commands expect of their results."""

from __future__ import annotations

from deepbiq.cli.exit_codes import USAGE, exit_code_of


def refused(result, error, match, code=USAGE):
    """Checks that a command ended with an error that says this, and that has this exit code."""
    assert isinstance(result.exception, error), result.output
    assert match in str(result.exception)
    assert exit_code_of(result.exception) == code
