import os
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepbiq.archive.inputs import list_inputs
from deepbiq.archive.row import Listed
from deepbiq.errors import ArchiveError


@pytest.fixture
def tree(tmp_path):
    """Pictures at several depths, and beside them what is none or must not be followed."""
    top = tmp_path / "tree"
    for name in ("b.jpg", "a.PNG", "sub/c.tif", "sub/deeper/d.webp", "another/e.jpeg", "folder.jpg/f.jpg"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"x" * len(name))
    for name in ("notes.txt", ".hidden.jpg", ".hidden/g.jpg", "sub/.h.png"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"")
    (top / "link.jpg").symlink_to(top / "b.jpg")
    (top / "linked").symlink_to(top / "sub")
    (top / "linked.png").symlink_to(top / "sub")
    (top / "sub" / "loop").symlink_to(top)
    return top


IN_TREE = [
    "a.PNG", "b.jpg", "link.jpg", "another/e.jpeg", "folder.jpg/f.jpg", "sub/c.tif", "sub/deeper/d.webp",
]  # fmt: skip


def list_all(*sources, notes=None, **options):
    return list(list_inputs([str(s) for s in sources], note=(notes if notes is not None else []).append, **options))


def paths_of(*sources, **options):
    return [listed.path for listed in list_all(*sources, **options)]


def test_a_folder_is_searched_to_the_bottom_in_order(tree):
    assert paths_of(tree) == [str(tree / name) for name in IN_TREE]
    assert paths_of(f"{tree}/") == [str(tree / name) for name in IN_TREE]


def test_inputs_have_the_size_and_time_of_what_will_be_read(tree):
    os.utime(tree / "b.jpg", ns=(1, 1_234_567_890_123_456_789))
    listed = {os.path.basename(entry.path): entry for entry in list_all(tree)}
    assert listed["b.jpg"] == Listed(str(tree / "b.jpg"), 5, 1_234_567_890_123_456_789)
    assert listed["link.jpg"] == Listed(str(tree / "link.jpg"), 5, 1_234_567_890_123_456_789)


def test_a_time_that_no_table_can_hold_is_none(tmp_path):
    path = tmp_path / "future.jpg"
    path.write_bytes(b"x")
    os.utime(path, (0, 13_000_000_000))
    assert list_all(tmp_path)[0].mtime_ns in (None, path.stat().st_mtime_ns)
    assert (list_all(tmp_path)[0].mtime_ns is None) == (path.stat().st_mtime_ns >= 2**63)


def test_relative_sources_give_absolute_paths(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert paths_of(".") == paths_of(tree)
    assert paths_of("sub/../b.jpg") == [str(tree / "b.jpg")]
    assert paths_of("*.jpg") == [str(tree / name) for name in ("b.jpg", "link.jpg")]


def test_file_urls_are_local_paths(tree):
    assert paths_of(f"file://{tree}") == paths_of(tree)
    assert paths_of(f"FILE://{tree}/b.jpg") == [str(tree / "b.jpg")]


def test_a_folder_that_may_not_be_read_is_told_and_the_rest_goes_on(tree, monkeypatch):
    # Not by chmod: the tests may run as a user who may read everything.
    scandir = os.scandir

    def refuse(folder):
        if folder.endswith("sub"):
            raise PermissionError(13, "Permission denied")
        if folder.endswith("another"):
            raise OSError(5, "Input/output error")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    listed = list_all(tree)
    assert Listed(str(tree / "sub"), fault="no permission to list it") in listed
    assert Listed(str(tree / "another"), fault="it cannot be listed: Input/output error") in listed
    assert str(tree / "folder.jpg" / "f.jpg") in [entry.path for entry in listed]


def test_a_path_deeper_than_the_system_allows_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth = 0
    while depth * 201 + len(str(tmp_path)) < 5000:
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
        depth += 1
    assert [listed.fault for listed in list_all(tmp_path)] == ["it cannot be listed: File name too long"]


def test_what_only_looks_like_a_picture_is_listed_for_the_reader_to_refuse(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "none")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.png"))
        listed = list_all(tmp_path)
    assert [os.path.basename(entry.path) for entry in listed] == ["broken.jpg", "pipe.jpg", "s.png"]
    assert listed[0] == Listed(str(tmp_path / "broken.jpg"))


def test_names_may_hold_any_bytes(tmp_path):
    names = [b"\xff\xfe.jpg", b"a\nb.jpg", "ü.jpg".encode()]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
            pass
    assert sorted(os.path.basename(os.fsencode(path)) for path in paths_of(tmp_path)) == sorted(names)


def test_a_named_file_is_taken_whatever_it_is_called(tree):
    (tree / "raw.dat").write_bytes(b"x")
    assert paths_of(tree / "raw.dat", tree / ".hidden.jpg") == [str(tree / "raw.dat"), str(tree / ".hidden.jpg")]


@pytest.mark.parametrize("name", ["none", "none/", "none.csv", "none.txt", "none.jpg"])
def test_a_source_that_does_not_exist_is_refused(tmp_path, name):
    with pytest.raises(ArchiveError, match=r"none.*: there is no such file or folder"):
        list_all(f"{tmp_path}/{name}")


def test_patterns_take_files(tree):
    assert paths_of(f"{tree}/**/*.jpg") == [str(tree / name) for name in ("b.jpg", "link.jpg", "folder.jpg/f.jpg")]
    assert paths_of(f"{tree}/sub/c.*") == [str(tree / "sub" / "c.tif")]
    names = ("a.PNG", "b.jpg", "link.jpg", "notes.txt")
    assert sorted(paths_of(f"{tree}/*")) == [str(tree / name) for name in names]
    names = ("linked.png/deeper/d.webp", "linked/deeper/d.webp", "sub/deeper/d.webp")
    assert sorted(paths_of(f"{tree}/*/deeper/*")) == [str(tree / name) for name in names]


def test_patterns_for_any_depth_lead_through_no_links(tree, monkeypatch):
    files = [*IN_TREE[:3], "notes.txt", *IN_TREE[3:]]
    assert paths_of(f"{tree}/**") == [str(tree / name) for name in files]
    monkeypatch.chdir(tree / "sub")
    assert paths_of("**") == [str(tree / "sub" / name) for name in ("c.tif", "deeper/d.webp")]
    assert paths_of("nothing/**") == []
    with pytest.raises(ArchiveError, match="'\\*\\*' can only be an entire path component"):
        paths_of("a**/b")
    assert paths_of("../**/deeper/*.webp") == [str(tree / "sub" / "deeper" / "d.webp")]


def test_a_name_that_looks_like_a_pattern_is_that_file(tmp_path, monkeypatch):
    odd = tmp_path / "[x] *"
    odd.mkdir()
    (odd / "a[1].jpg").write_bytes(b"x")
    assert paths_of(odd / "a[1].jpg") == [str(odd / "a[1].jpg")]
    assert paths_of(odd) == [str(odd / "a[1].jpg")]
    monkeypatch.chdir(odd)
    assert paths_of("*.jpg") == [str(odd / "a[1].jpg")]


def test_sources_without_pictures_are_told(tmp_path, monkeypatch):
    notes = []
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("\n")
    assert list_all(tmp_path / "empty", f"{tmp_path}/*.jpg", tmp_path / "list.txt", notes=notes) == []
    assert notes == [f"no pictures in {tmp_path / name}" for name in ("empty", "*.jpg", "list.txt")]


def test_lists_hold_local_paths_and_relative_ones_belong_to_the_current_folder(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tree)
    (tmp_path / "list.csv").write_text(f"n,photo\n1,b.jpg\n2,{tree}/a.PNG\n3,none\n4,file://{tree}/sub/c.tif\n")
    assert list_all(tmp_path / "list.csv", column="photo") == [
        Listed(str(tree / "b.jpg"), 5, (tree / "b.jpg").stat().st_mtime_ns),
        Listed(str(tree / "a.PNG"), 5, (tree / "a.PNG").stat().st_mtime_ns),
        Listed(str(tree / "none")),
        Listed(str(tree / "sub" / "c.tif"), 9, (tree / "sub" / "c.tif").stat().st_mtime_ns),
    ]
    pq.write_table(pa.table({"path": ["b.jpg"]}), tmp_path / "list.parquet")
    assert paths_of(tmp_path / "list.parquet") == [str(tree / "b.jpg")]


def test_a_null_byte_in_a_list_is_the_readers_fault_to_name(tmp_path):
    pq.write_table(pa.table({"path": ["a\0b.jpg"]}), tmp_path / "list.parquet")
    assert [(listed.size, listed.mtime_ns) for listed in list_all(tmp_path / "list.parquet")] == [(None, None)]


def test_a_list_on_standard_input(tree, monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, os.fsencode(tree / "b.jpg") + b"\n")
    os.close(writing)
    with open(reading) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert paths_of("-") == [str(tree / "b.jpg")]
        notes = []
        assert list_all("-", notes=notes) == []
    assert notes == ["no pictures in the list on standard input"]


def test_nothing_is_listed_before_it_is_asked_for(tree):
    inputs = list_inputs([str(tree), str(tree / "nothing")])
    assert next(inputs).path == str(tree / "a.PNG")
