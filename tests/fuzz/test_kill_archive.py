import pytest

from tests.fuzz import kill_archive


@pytest.mark.slow
def test_killing_an_archive_run_tears_and_loses_nothing(tiny_bundle, tmp_path):
    (tmp_path / "pictures").mkdir()
    kill_archive.make_pictures(tmp_path / "pictures", 120, 1)
    archive = kill_archive.Archive(tmp_path / "pictures", 12, tiny_bundle)
    report = kill_archive.run(3, 1, tmp_path, archive)
    assert kill_archive.good(report), report
    assert report["kills"] == 3
    assert report["inputs"] == 120


def test_notices_what_must_never_happen(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {"path": ["/b", "/a"], "path_bytes": pa.array([None, None], pa.binary()), "score": [1.0, None]}
    )
    pq.write_table(table, tmp_path / "rows-000001.parquet")
    reference = kill_archive._table(tmp_path)
    assert kill_archive._scored_rows(tmp_path) == 1
    assert not list(kill_archive._torn(tmp_path))
    assert not kill_archive._differences(reference, tmp_path)
    pq.write_table(table.slice(1), tmp_path / "rows-000002.parquet")
    assert kill_archive._differences(reference, tmp_path)
    whole = (tmp_path / "rows-000002.parquet").read_bytes()
    (tmp_path / "rows-000002.parquet").write_bytes(whole[:-1])
    assert len(list(kill_archive._torn(tmp_path))) == 1
    nothing = {key: [] for key in kill_archive.WRONG}
    assert kill_archive.good({**nothing, "kills": 3})
    assert not kill_archive.good({**nothing, "kills": 0})
    for key in nothing:
        assert not kill_archive.good({**nothing, "kills": 3, key: ["something"]})
