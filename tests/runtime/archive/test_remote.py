import threading
import time
from datetime import datetime, timezone
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler

import fsspec
import pytest
from fsspec.registry import known_implementations

from deepbiq.archive.inputs import list_inputs
from deepbiq.archive.remote import fetch, is_remote, local_path, mtime_ns_of
from deepbiq.errors import ArchiveError, ImageError
from deepbiq.imaging import Limits

LIMITS = Limits()


def list_all(*sources, notes=None):
    return list(list_inputs(list(sources), note=(notes if notes is not None else []).append))


def paths_of(*sources):
    return [listed.path for listed in list_all(*sources)]


def put(s3, bucket, *keys, body=b"a picture"):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


@pytest.fixture
def memory():
    """fsspec's file system in memory, empty."""
    fs = fsspec.filesystem("memory")
    fs.rm("/", recursive=True) if fs.ls("/") else None
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


@pytest.mark.parametrize(
    ("path", "remote"),
    [("s3://b/a.jpg", True), ("memory://a", True), ("file:///a", False), ("LOCAL:///a", False), ("/a://b", False)],
)
def test_what_is_remote(path, remote):
    assert is_remote(path) == remote
    assert local_path(path) == (path if remote or path[0] == "/" else "/a")


def test_a_bucket_is_listed_to_the_bottom(s3, bucket):
    put(s3, bucket, "b.jpg", "a.PNG", "sub/deeper/c.tif", "sub/", "notes.txt", "sub/.hidden/x.jpg", ".y.jpg")
    assert paths_of(f"s3://{bucket}") == [f"s3://{bucket}/{key}" for key in ("a.PNG", "b.jpg", "sub/deeper/c.tif")]
    assert paths_of(f"s3://{bucket}/sub/") == [f"s3://{bucket}/sub/deeper/c.tif"]
    assert paths_of(f"s3://{bucket}/sub/.hidden") == [f"s3://{bucket}/sub/.hidden/x.jpg"]


def test_a_listing_and_a_read_tell_the_same_time(s3, bucket):
    put(s3, bucket, "a.jpg")
    (listed,) = list_all(f"s3://{bucket}")
    assert listed.size == 9
    assert abs(listed.mtime_ns / 1e9 - time.time()) < 60
    assert list_all(f"s3://{bucket}/a.jpg") == [listed]
    assert fetch(listed.path, LIMITS) == (b"a picture", listed.mtime_ns)


def test_more_than_a_page_of_objects(s3, bucket, monkeypatch):
    from s3fs import S3FileSystem

    keys = [f"{number}.jpg" for number in range(7)]
    put(s3, bucket, *keys)
    call = S3FileSystem.call_s3
    monkeypatch.setattr(
        S3FileSystem, "call_s3", lambda *arguments, **options: call(*arguments, MaxKeys=3, **options)
    )
    assert paths_of(f"s3://{bucket}") == [f"s3://{bucket}/{key}" for key in keys]


@pytest.mark.parametrize("key", ["a::b.jpg", "ü/ö ä.jpg", "[1] *?.jpg", "a%20b+c.jpg", "q?x=1#y.jpg", "no-ending"])
def test_keys_may_hold_any_characters(s3, bucket, key):
    put(s3, bucket, key)
    assert paths_of(f"s3://{bucket}/{key}") == [f"s3://{bucket}/{key}"]
    assert fetch(f"s3://{bucket}/{key}", LIMITS)[0] == b"a picture"


def test_patterns(s3, bucket):
    put(s3, bucket, "2023/a.jpg", "2024/b.jpg", "2024/deep/c.jpg", "2024/.d.jpg", "2024/e.raw")
    assert paths_of(f"s3://{bucket}/202?/*.jpg") == [f"s3://{bucket}/{key}" for key in ("2023/a.jpg", "2024/b.jpg")]
    assert paths_of(f"s3://{bucket}/**/*.jpg") == [
        f"s3://{bucket}/{key}" for key in ("2023/a.jpg", "2024/b.jpg", "2024/deep/c.jpg")
    ]
    assert paths_of(f"s3://{bucket}/2024/*.raw") == [f"s3://{bucket}/2024/e.raw"]
    notes = []
    assert list_all(f"s3://{bucket}/2023/*.tif", notes=notes) == []
    assert notes == [f"no pictures in s3://{bucket}/2023/*.tif"]
    with pytest.raises(ArchiveError, match="there is no such bucket, folder or object"):
        list_all(f"s3://{bucket}/2025/*.jpg")


def test_what_does_not_exist(s3, bucket):
    for source in (
        f"s3://{bucket}/none.jpg",
        f"s3://{bucket}/none",
        "s3://no-such-bucket-here",
        "s3://no-such-bucket-here/x",
    ):
        with pytest.raises(ArchiveError, match=f"{source}: there is no such bucket, folder or object"):
            list_all(source)


def test_an_object_that_cannot_be_fetched(s3, bucket):
    put(s3, bucket, "empty.jpg", body=b"")
    put(s3, bucket, "large.jpg", body=bytes(2000))
    put(s3, bucket, "folder/a.jpg", "gone.jpg")
    (listed,) = list_all(f"s3://{bucket}/gone.jpg")
    s3.delete_object(Bucket=bucket, Key="gone.jpg")
    for path, fault in (
        (listed.path, "no such object"),
        (f"s3://{bucket}/empty.jpg", "empty: 0 bytes"),
        (f"s3://{bucket}/large.jpg", r"it has 2000 bytes, the limit is 1000 \(max_bytes\)"),
        (f"s3://{bucket}/folder", "it is a folder, not an object"),
        ("s3://no-such-bucket-here/a.jpg", "no such object"),
        ("htp://host/a.jpg", "its file system cannot be used: Protocol not known: htp"),
    ):
        with pytest.raises(ImageError, match=f"^{path}: {fault}"):
            fetch(path, Limits(max_bytes=1000))


def test_what_is_forbidden(s3, bucket, monkeypatch):
    from s3fs import S3FileSystem

    put(s3, bucket, "secret.jpg")
    answer = S3FileSystem._call_s3

    async def refuse(self, method, *arguments, **options):
        if options.get("Key") == "secret.jpg" or method == "list_objects_v2":
            raise PermissionError("Forbidden")
        return await answer(self, method, *arguments, **options)

    monkeypatch.setattr(S3FileSystem, "_call_s3", refuse)
    monkeypatch.setattr(S3FileSystem, "call_s3", fsspec.asyn.sync_wrapper(refuse))
    with pytest.raises(ArchiveError, match=f"s3://{bucket}: no permission to list it"):
        list_all(f"s3://{bucket}")
    with pytest.raises(ImageError, match=r"secret\.jpg: no permission to read it"):
        fetch(f"s3://{bucket}/secret.jpg", LIMITS)


def test_a_store_that_does_not_answer(s3, bucket, monkeypatch):
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    with pytest.raises(ArchiveError, match=f"s3://{bucket}: it cannot be listed: Could not connect"):
        list_all(f"s3://{bucket}")
    with pytest.raises(ImageError, match=r"a\.jpg: it cannot be read: Could not connect"):
        fetch(f"s3://{bucket}/a.jpg", LIMITS)
    S3FileSystem.clear_instance_cache()


def test_a_server_that_cannot_be_reached_is_told_from_an_object_that_it_does_not_have(tmp_path):
    pytest.importorskip("aiohttp")
    serve = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"a picture")
    with HTTPServer(("127.0.0.1", 0), serve) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever).start()
        try:
            assert [listed.path for listed in list_all(f"{address}/a.jpg")] == [f"{address}/a.jpg"]
            with pytest.raises(ArchiveError, match=r"none\.jpg: there is no such bucket, folder or object"):
                list_all(f"{address}/none.jpg")
        finally:
            server.shutdown()
    with pytest.raises(ArchiveError, match=r"a\.jpg: it cannot be reached: Cannot connect to host 127\.0\.0\.1"):
        list_all(f"{address}/a.jpg")


def test_lists_of_objects_are_described_in_their_order(s3, bucket, tmp_path):
    keys = [f"{number}.jpg" for number in range(40)]
    put(s3, bucket, *keys)
    (tmp_path / "local.jpg").write_bytes(b"x")
    lines = [f"s3://{bucket}/{key}" for key in keys]
    more = [str(tmp_path / "local.jpg"), f"s3://{bucket}/none.jpg", "htp://host/x.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(lines + more))
    listed = list_all(str(tmp_path / "list.txt"))
    assert [entry.path for entry in listed] == lines + more
    assert [entry.size for entry in listed] == [9] * 40 + [1, None, None]
    assert listed[-1].fault == "its file system cannot be used: Protocol not known: htp"


def test_a_remote_list_and_unknown_file_systems_are_refused():
    with pytest.raises(ArchiveError, match="a list must be a local file"):
        list_all("s3://bucket/list.CSV")
    with pytest.raises(ArchiveError, match="htp://x: its file system cannot be used: Protocol not known: htp"):
        list_all("htp://x")


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch):
    known = {"class": "no_such_package_here.Files", "err": "Install no_such_package_here"}
    monkeypatch.setitem(known_implementations, "nowhere", known)
    with pytest.raises(ArchiveError, match="needs a package: pip install no_such_package_here"):
        list_all("nowhere://bucket")


def test_file_systems_that_are_not_s3_are_walked_folder_by_folder(memory):
    for name in ("/b.jpg", "/a.PNG", "/sub/deeper/c.tif", "/sub/d.jpg", "/notes.txt", "/.hidden/e.jpg"):
        memory.pipe(name, b"xyz")
    names = ["a.PNG", "b.jpg", "sub/d.jpg", "sub/deeper/c.tif"]
    assert paths_of("memory://") == [f"memory:///{name}" for name in names]
    assert paths_of("memory://sub") == [f"memory:///{name}" for name in names[2:]]
    assert paths_of("memory://*/*.jpg") == ["memory:///sub/d.jpg"]
    (listed,) = list_all("memory://b.jpg")
    assert listed.size == 3
    assert fetch(listed.path, LIMITS) == (b"xyz", listed.mtime_ns)


def test_a_folder_that_may_not_be_listed_is_told_and_the_rest_goes_on(memory, monkeypatch):
    for name in ("/a/1.jpg", "/b/2.jpg", "/c/3.jpg"):
        memory.pipe(name, b"x")
    ls = type(memory).ls

    def refuse(self, path, *arguments, **options):
        if path == "/b":
            raise PermissionError("Forbidden")
        return ls(self, path, *arguments, **options)

    monkeypatch.setattr(type(memory), "ls", refuse)
    listed = list_all("memory://")
    assert [entry.path for entry in listed] == ["memory:///a/1.jpg", "memory:///b", "memory:///c/3.jpg"]
    assert listed[1].fault == "it cannot be listed: Forbidden"
    with pytest.raises(ArchiveError, match="memory://b: no permission to list it: Forbidden"):
        list_all("memory://b")


def test_an_object_that_changes_while_it_is_read(memory, monkeypatch):
    memory.pipe("/a.jpg", b"before")
    monkeypatch.setattr(type(memory), "cat_file", lambda *_, **__: b"afterwards")
    with pytest.raises(ImageError, match="changed while it was read: 6 bytes were announced, 10 came"):
        fetch("memory:///a.jpg", LIMITS)


@pytest.mark.parametrize(
    "told",
    [
        {"LastModified": datetime(2024, 1, 2, 3, 4, 5, 678000, timezone.utc)},
        {"LastModified": datetime(2024, 1, 2, 3, 4, 5)},
        {"mtime": 1704164645.9, "created": 1.0},
        {"updated": "2024-01-02T03:04:05.678Z"},
        {"last_modified": datetime(2024, 1, 2, 3, 4, 5, 999999, timezone.utc)},
    ],
)
def test_times_as_file_systems_tell_them(told):
    assert mtime_ns_of(told) == 1704164645_000000000


@pytest.mark.parametrize(
    "told", [{}, {"LastModified": ""}, {"mtime": None}, {"updated": "yesterday"}, {"mtime": [1]}]
)
def test_times_that_file_systems_do_not_tell(told):
    assert mtime_ns_of(told) is None


def test_reading_from_several_threads(s3, bucket):
    put(s3, bucket, *(f"{number}.jpg" for number in range(8)))
    found = []

    def read(number):
        found.append(fetch(f"s3://{bucket}/{number}.jpg", LIMITS)[0])

    threads = [threading.Thread(target=read, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"a picture"] * 8
