import os
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbiq.archive.row import Facts, Row, Yardstick
from deepbiq.archive.schema import SCHEMA, path_columns, path_of, rows_of, table_of

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
paths = st.one_of(text, st.binary(max_size=20).map(os.fsdecode))
int64 = st.integers(-(2**63), 2**63 - 1)
side = st.integers(1, 2**31 - 1)
facts = st.builds(
    Facts,
    size=st.none() | st.integers(0, 2**63 - 1),
    mtime_ns=st.none() | int64,
    content_hash=st.none() | text,
    width=st.none() | side,
    height=st.none() | side,
    camera=st.none() | text,
    taken=st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    perceptual_hash=st.none() | st.binary(max_size=32),
)
rows = st.builds(
    Row,
    path=paths,
    facts=facts,
    yardstick=st.builds(Yardstick, text, text, text, text, text),
    engine=text,
    score=st.none() | st.floats(0, 100),
    label=st.none() | text,
    spread=st.none() | st.floats(0, 100),
    warnings=st.lists(text, max_size=3).map(tuple),
    error=st.none() | text,
)


@settings(max_examples=40)
@given(st.lists(rows, max_size=4))
def test_rows_survive_the_table_and_a_parquet_file(some):
    table = table_of(some)
    assert table.schema.equals(SCHEMA, check_metadata=True)
    assert list(rows_of(table)) == some
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    assert list(rows_of(pq.read_table(pa.BufferReader(sink.getvalue())))) == some


@given(paths)
def test_a_path_is_text_with_its_bytes_beside_it_where_text_cannot_hold_it(path):
    shown, exact = path_columns(path)
    shown.encode()
    assert (exact is None) == (shown == path)
    assert path_of(shown, exact) == path


@given(paths, paths)
def test_two_paths_never_look_the_same(one, other):
    assert (path_columns(one) == path_columns(other)) == (one == other)
