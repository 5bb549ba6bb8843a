import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.archive.lists import read_paths
from deepbiq.errors import ArchiveError

names = st.lists(
    st.binary(min_size=1, max_size=20).filter(lambda name: name.strip() and b"\0" not in name), max_size=5
)


def entries(path, column="path", notes=None):
    return list(read_paths(str(path), column, (notes if notes is not None else []).append))


def write_parquet(destination, **columns):
    pq.write_table(pa.table(columns), destination)
    return destination


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_lines(tmp_path, bom):
    (tmp_path / "list.txt").write_bytes(bom + b"a.jpg\r\n\n  \nb c.jpg\n\xff.jpg")
    assert entries(tmp_path / "list.txt") == ["a.jpg", "b c.jpg", os.fsdecode(b"\xff.jpg")]


def test_entries_between_nul_bytes(tmp_path):
    (tmp_path / "list.TXT").write_bytes(b"a\nb.jpg\0c.jpg\0")
    assert entries(tmp_path / "list.TXT") == ["a\nb.jpg", "c.jpg"]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("tsv", "\t"), ("CSV", ",")])
def test_the_column_of_a_table_wherever_it_stands(tmp_path, bom, ending, delimiter):
    table = f'{bom}path;file;score\n"a, ""b"".jpg";1;2\n\nc.jpg;3;4\n'
    (tmp_path / f"list.{ending}").write_text(table.replace(";", delimiter))
    assert entries(tmp_path / f"list.{ending}") == ['a, "b".jpg', "c.jpg"]
    assert entries(tmp_path / f"list.{ending}", "score") == ["2", "4"]


def test_a_csv_may_have_any_bytes_and_line_ends_in_its_paths(tmp_path):
    (tmp_path / "list.csv").write_bytes(b'n,path\r\n1,"a\nb\xff.jpg"\r\n')
    assert entries(tmp_path / "list.csv") == [os.fsdecode(b"a\nb\xff.jpg")]


def test_empty_entries_are_left_out_and_counted(tmp_path):
    notes = []
    (tmp_path / "list.csv").write_text("n,path\n1,a.jpg\n2,\n3\n4,b.jpg\n")
    assert entries(tmp_path / "list.csv", notes=notes) == ["a.jpg", "b.jpg"]
    write_parquet(tmp_path / "list.parquet", path=["a.jpg", None, ""])
    assert entries(tmp_path / "list.parquet", notes=notes) == ["a.jpg"]
    assert [note.partition(": ")[2] for note in notes] == ["2 entries are empty and were left out"] * 2


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)  # fmt: skip
def test_parquet_columns_of_strings_or_bytes(tmp_path, kind):
    write_parquet(tmp_path / "list.parquet", n=[1, 2, 3], path=pa.array(["ü.jpg", "b.jpg", None]).cast(kind))
    assert entries(tmp_path / "list.parquet") == ["ü.jpg", "b.jpg"]


@given(names)
def test_parquet_bytes_keep_every_byte(tmp_path_factory, paths):
    file = tmp_path_factory.mktemp("list") / "list.parquet"
    write_parquet(file, path=pa.array(paths, pa.binary()))
    assert [os.fsencode(path) for path in entries(file)] == paths


def test_a_long_parquet_list_is_read_batch_by_batch(tmp_path):
    paths = [f"{number}.jpg" for number in range(25_000)]
    write_parquet(tmp_path / "list.parquet", path=paths)
    assert entries(tmp_path / "list.parquet") == paths


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path):
    (tmp_path / "list.csv").write_text("file,score\na,1\n")
    write_parquet(tmp_path / "list.parquet", file=["a"], score=[1])
    (tmp_path / "empty.csv").write_text("")
    for name in ("list.csv", "list.parquet"):
        told = rf"{name}: there is no column 'path' \(--column\); the columns are: 'file', 'score'"
        with pytest.raises(ArchiveError, match=told):
            entries(tmp_path / name)
    with pytest.raises(ArchiveError, match="the columns are: it has none"):
        entries(tmp_path / "empty.csv")


def test_a_column_of_numbers_is_refused(tmp_path):
    write_parquet(tmp_path / "list.parquet", path=[1])
    with pytest.raises(ArchiveError, match="the column 'path' holds int64, paths are strings or bytes"):
        entries(tmp_path / "list.parquet")


def test_what_is_no_table(tmp_path):
    (tmp_path / "list.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ArchiveError, match=r"list\.parquet: "):
        entries(tmp_path / "list.parquet")
    (tmp_path / "list.csv").write_text("path\n" + "x" * 200_000)
    with pytest.raises(ArchiveError, match=r"list\.csv: field larger than field limit"):
        entries(tmp_path / "list.csv")


@pytest.mark.parametrize("ending", ["txt", "csv", "parquet"])
def test_a_list_that_cannot_be_read(tmp_path, ending):
    (tmp_path / f"list.{ending}").mkdir()
    with pytest.raises(ArchiveError, match="cannot be read: Is a directory"):
        entries(tmp_path / f"list.{ending}")
