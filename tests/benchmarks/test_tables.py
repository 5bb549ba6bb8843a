"""Every table of README and docs is what the results files say."""

from pathlib import Path

import pytest

from deepbiq_benchmarks.tables import fill_in, read_results

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["README.md", "docs/model-card.md", "benchmarks/README.md"])
def test_documents_hold_what_was_measured(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "<!-- end -->" in text
    assert fill_in(text, read_results(ROOT / "benchmarks" / "results")) == text


def test_a_table_with_another_figure_is_found():
    text = "<!-- overhead table: x -->\n| typed by hand |\n<!-- end -->\n"
    filled = fill_in(text, read_results(ROOT / "benchmarks" / "results"))
    assert "typed by hand" not in filled
    assert "350 MB" in filled


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError, match="no such"):
        fill_in("<!-- no such: x -->\n<!-- end -->", [])
