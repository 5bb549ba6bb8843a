"""`deepbiq archive report`: what it counts, what it writes, and names that mean it harm."""

import csv
import io
import json
import os
import re
from urllib.parse import unquote_to_bytes, urlparse

import numpy as np
import pytest

from deepbiq.archive.report import row_data as table_rows
from deepbiq.archive.report.links import href_of
from deepbiq.archive.report.records import sort_records
from deepbiq.archive.report.row_data import as_script, row_data, rows_in_table
from deepbiq.archive.report.summary import errors_by_kind, histogram, kind_of, parts_of
from deepbiq.archive.schema import SCHEMA, table_of
from tests.runtime.archive.report_material import HOSTILE, made_up_rows, real_pictures, row_of, write_results


@pytest.fixture
def results(tmp_path, samples):
    rows = real_pictures(tmp_path / "pictures", samples) + made_up_rows(300, 20)
    return write_results(tmp_path / "results", rows)


def test_it_writes_one_page_and_says_the_archive_in_a_sentence(run, results):
    code, out, err = run("archive", "report", results, "--title", "Card 7")
    assert code == 0
    assert out == f"page\t{results / '_report.html'}\n"
    assert re.search(
        r"deepbiq: 330 pictures, median \d\d\.\d; \d+(\.\d)? % below 40; 20 could not be read\.\n", err
    )
    page = (results / "_report.html").read_text()
    assert "<title>Card 7</title>" in page
    assert page.count("data:image/jpeg;base64,") > 20
    assert "no such file" in page
    # Results stay readable: the page is not taken for one of them.
    assert run("archive", "report", results, "--format", "json")[0] == 0


def test_json_tells_the_same(run, results, tmp_path):
    code, out, _ = run(
        "archive", "report", results, "--format", "json", "--out", tmp_path / "p.html", "--csv", tmp_path / "a.csv"
    )
    said = json.loads(out)
    assert code == 0
    assert said == {
        "page": str(tmp_path / "p.html"),
        "csv": str(tmp_path / "a.csv"),
        "log": None,
        "pictures": 330,
        "groups": 8,
        "errors": 20,
        "moves": [],
        "refused": [],
    }
    assert (tmp_path / "p.html").stat().st_size > 10_000
    assert not (results / "_report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--apply"], "--apply needs something to do"),
        (["--move-below", "101", "there"], "takes a score, 0..100, got 101"),
        (["--move-below", "nan", "there"], "takes a score, 0..100, got nan"),
        (["--model", "nobody"], "has no scores of nobody, only of tiny-0123456789ab"),
        (["--out", "missing/page.html"], "page.html cannot be written: No such file or directory"),
        (["--move-below", "50", __file__], "is not a folder"),
    ],
)
def test_what_cannot_be_done_is_refused(run, results, arguments, message):
    code, out, err = run("archive", "report", results, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_folders_without_results_are_refused(run, tmp_path):
    assert "is no results folder" in run("archive", "report", tmp_path)[2]
    write_results(tmp_path / "empty", [])
    code, _, err = run("archive", "report", tmp_path / "empty")
    assert code == 2
    assert "there are no rows yet" in err


def test_an_archive_of_errors_alone_has_a_page(run, tmp_path):
    results = write_results(tmp_path / "results", [row_of(f"/photos/{name}.jpg", None) for name in "abc"])
    code, _, err = run("archive", "report", results)
    assert code == 0
    assert "No picture was scored; 3 could not be read." in err
    assert "no such file" in (results / "_report.html").read_text()


def test_csv_holds_every_value_exactly_worst_first_and_errors_last(run, results, tmp_path):
    assert run("archive", "report", results, "--csv", tmp_path / "all.csv")[0] == 0
    read = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text(), newline="")))
    assert list(read[0]) == SCHEMA.names
    scores = [float(row["score"]) for row in read if row["score"]]
    assert scores == sorted(scores)
    assert [row["error"] != "" for row in read] == [False] * 330 + [True] * 20
    made = {row.path: row for row in made_up_rows(300, 20)}
    for row in read:
        if row["path"].startswith("/photos/") and row["score"]:
            original = made[row["path"]]
            assert float(row["score"]) == original.score
            assert float(row["spread"]) == original.spread
            assert bytes.fromhex(row["perceptual_hash"]) == original.facts.perceptual_hash
            assert np.datetime64(row["mtime"].rstrip("Z"), "ns").astype(int) == original.facts.mtime_ns
            assert row["warnings"] == "; ".join(original.warnings)
    names = {row["path"].rpartition("/")[2] for row in read}
    assert "two\nlines.jpg" in names
    assert {bytes.fromhex(row["path_bytes"]).rpartition(b"/")[2] for row in read if row["path_bytes"]} == {
        HOSTILE[4]
    }


def test_names_cannot_get_out_of_their_place(run, results):
    run("archive", "report", results)
    page = (results / "_report.html").read_text()
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert page.count("</script>") == 2
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in page
    hrefs = re.findall(r'href="(file://[^"]*)"', page)
    names = {unquote_to_bytes(urlparse(href).path).rpartition(b"/")[2] for href in hrefs}
    assert set(HOSTILE) <= names


def test_the_page_asks_for_nothing(run, results):
    run("archive", "report", results)
    page = (results / "_report.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert not re.search(r"@import|url\(", page)


@pytest.mark.parametrize(
    ("path", "href"),
    [
        ("/a b/100%.jpg", "file:///a%20b/100%25.jpg"),
        (os.fsdecode(b"/\xff?#.jpg"), "file:///%FF%3F%23.jpg"),
        ("https://host/a.jpg", "https://host/a.jpg"),
        ("s3://bucket/a.jpg", None),
        ("javascript://%0aalert(1)", None),
    ],
)
def test_links(path, href):
    assert href_of(path) == href


def test_scripts_cannot_be_ended_by_data():
    data = {"</script>": "<!--<script>&amp;"}
    assert not re.search("[<>&]", as_script(data))
    assert json.loads(as_script(data)) == data


def test_bins_are_closed_above_as_labels_are():
    bars = histogram(np.array([0, 2, 2.01, 20, 20.5, 40, 60, 80, 100]))
    assert {bar.high: (bar.count, bar.label) for bar in bars if bar.count} == {
        2: (2, "bad"),
        4: (1, "bad"),
        20: (1, "bad"),
        22: (1, "poor"),
        40: (1, "poor"),
        60: (1, "fair"),
        80: (1, "good"),
        100: (1, "excellent"),
    }
    assert sum(bar.count for bar in histogram(np.array([]))) == 0


def test_parts_tell_what_they_share():
    parts = parts_of(["a", "b", "a", None, "b", "c", "a"], np.array([10.0, 30, 50, 70, 80]))
    told = [(part.name, part.count, part.mean, part.median, part.low, part.errors) for part in parts]
    assert told == [
        ("a", 2, 30, 30, 0.5, 1),
        ("b", 2, 55, 55, 0.5, 0),
        (None, 1, 70, 70, 0, 0),
        ("c", 0, None, None, None, 1),
    ]


def test_errors_are_sorted_by_what_went_wrong():
    assert kind_of("it has 12 x 7.5 pixels in 'a 5.jpg'") == "it has … x … pixels in …"
    errors = ["it had 5 bytes", "no such file", "it had 17 bytes", *["it had 1 bytes"] * 3]
    kinds = errors_by_kind(errors, 100)
    assert [(kind.fault, kind.count, kind.examples) for kind in kinds] == [
        ("it had … bytes", 5, [100, 102, 103]),
        ("no such file", 1, [101]),
    ]


def test_a_large_archive_shows_its_worst_and_best(monkeypatch):
    monkeypatch.setattr(table_rows, "TABLE_ROWS", 10)
    rows = [row_of(f"/p/{number:02d}", float(number)) for number in range(20)]
    records = sort_records(table_of([*rows, row_of("/p/broken", None)]))
    kept = rows_in_table(records)
    assert kept == [0, 1, 2, 3, 4, 15, 16, 17, 18, 19]
    assert row_data(records, [], kept)["name"][-1] == "19"
    few = sort_records(table_of([*rows[:4], *(row_of(f"/p/broken{number}", None) for number in range(20))]))
    assert rows_in_table(few) == list(range(10))


def test_missing_extra_is_named(run, results, monkeypatch):
    from deepbiq import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "jinja2" else True)
    code, _, err = run("archive", "report", results)
    assert code == 2
    assert "this needs jinja2" in err
    assert "deepbiq[archive]" in err
