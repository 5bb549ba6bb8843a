"""Docstrings keep to one convention: functions speak in the third person, errors come `When`, never `If`."""

import ast
import re

import pytest

from tests.conftest import ROOT

ROOMS = ("runtime", "export", "calibration", "training", "benchmarks")
IMPERATIVE = re.compile(
    r"""(Add|Allocate|Apply|Ask|Average|Begin|Bring|Build|Call|Change|Check|Choose|Classify|Clip|Close|Collect|
    Compare|Compose|Compute|Continue|Convert|Copy|Count|Create|Cut|Decide|Decode|Describe|Destroy|Divide|Draw|
    Drop|Encode|End|Expand|Fill|Find|Fit|Follow|Forget|Free|Give|Handle|Hold|Import|Join|Judge|Keep|Lay|Lend|
    Let|List|Load|Look|Make|Map|Mark|Measure|Move|Normalise|Note|Observe|Open|Order|Parse|Pick|Place|Predict|
    Prepare|Print|Publish|Put|Quantise|Queue|Read|Recognise|Refit|Refuse|Release|Remove|Rename|Repeat|Replace|
    Resize|Return|Round|Run|Say|Score|Send|Set|Show|Sort|Split|Spread|Start|Stop|Store|Summarise|Take|Teach|
    Tell|Train|Translate|Try|Turn|Undo|Unpack|Validate|Wait|Walk|Write|Yield)(?![\w-])""",
    flags=re.VERBOSE,
)
RAISED_IF = re.compile(r"^ *\w+: If\b", flags=re.MULTILINE)


def is_command(node):
    """Commands have typer's options among their parameters: their docstrings are help texts."""
    return "typer." in ast.unparse(node.args)


def faults(source):
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        words, _, raises = (ast.get_docstring(node) or "").partition("Raises:")
        if IMPERATIVE.match(words) and not isinstance(node, ast.ClassDef) and not is_command(node):
            yield f"{node.name}, line {node.lineno}: {words.split()[0]!r} is no third person"
        if RAISED_IF.search(raises):
            yield f"{node.name}, line {node.lineno}: errors are raised 'When', not 'If'"


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_keep_to_the_convention(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    assert [
        f"{file.relative_to(ROOT)}: {fault}" for file in files for fault in faults(file.read_text("utf-8"))
    ] == []


def test_imperatives_and_ifs_are_found():
    raises = "Raises:\n        ValueError: {} it is.\n    "
    bad, good = (
        f'def f():\n    """{verb} it.\n\n    {raises.format(word)}"""\n'
        for verb, word in (("Return", "If"), ("Returns", "When"))
    )
    assert len(list(faults(bad))) == 2
    assert list(faults(good)) == []
    assert list(faults('def f(x: Annotated[int, typer.Option()]):\n    """Return it."""\n')) == []
