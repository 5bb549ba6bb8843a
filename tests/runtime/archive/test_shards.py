import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepbiq.archive.schema import SCHEMA, rows_of, table_of
from deepbiq.archive.shards import read_shard, remove_unfinished, shards_in, write_shard
from deepbiq.errors import ArchiveError
from tests.runtime.archive.results_material import a_row, an_input

TABLE = table_of([a_row(an_input(number)) for number in range(3)])


def test_shards_are_listed_in_the_order_of_writing_and_nothing_else_is(tmp_path):
    for number in (1_000_000, 999_999, 2):
        write_shard(tmp_path, number, TABLE)
    for name in ("rows-1.parquet", "rows-000003.parquet.bak", ".rows-000004.parquet.x", "table.parquet"):
        (tmp_path / name).write_bytes(b"x")
    assert [shard.number for shard in shards_in(tmp_path)] == [2, 999_999, 1_000_000]


def test_a_shard_gives_back_what_was_written_and_tells_what_it_is(tmp_path):
    shard = write_shard(tmp_path, 1, TABLE)
    assert shards_in(tmp_path) == [shard]
    assert read_shard(shard).equals(TABLE)
    assert read_shard(shard, ["score", "path"]).column_names == ["score", "path"]
    assert next(rows_of(read_shard(shard))) == a_row(an_input(0))
    assert list(tmp_path.iterdir()) == [shard.path]


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_torn_shard_is_refused_by_name(tmp_path, keep):
    shard = write_shard(tmp_path, 1, TABLE)
    shard.path.write_bytes(shard.path.read_bytes()[:keep])
    with pytest.raises(ArchiveError, match=r"rows-000001\.parquet is damaged"):
        read_shard(shard)


def test_a_shard_with_damaged_pages_is_refused_by_name(tmp_path):
    shard = write_shard(tmp_path, 1, TABLE)
    data = bytearray(shard.path.read_bytes())
    data[4:200] = bytes(196)
    shard.path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"rows-000001\.parquet is damaged"):
        read_shard(shard)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"path": ["a"]}),
        TABLE.drop_columns(["error"]),
        TABLE.append_column("more", pa.array([1, 2, 3])),
        TABLE.replace_schema_metadata({"deepbiq.archive.schema": "2"}),
        TABLE.cast(SCHEMA.set(2, pa.field("size", pa.int32()))),
    ],
)
def test_another_schema_is_refused_by_name(tmp_path, table):
    shard = write_shard(tmp_path, 1, TABLE)
    pq.write_table(table, shard.path)
    with pytest.raises(ArchiveError, match=r"rows-000001\.parquet has other columns"):
        read_shard(shard)


def test_only_what_killed_writers_left_is_removed(tmp_path):
    shard = write_shard(tmp_path, 1, TABLE)
    kept = [tmp_path / name for name in (".rows", "notes.txt", ".hidden.parquet", "rows-000001.parquet.bak")]
    for path in (*kept, tmp_path / ".rows-000002.parquet.ab12", tmp_path / "._archive.json.cd34"):
        path.write_bytes(b"half")
    remove_unfinished(tmp_path)
    assert set(tmp_path.iterdir()) == {shard.path, *kept}
