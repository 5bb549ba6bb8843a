import hashlib
import re
import shutil
import zipfile

import numpy as np
import pytest

from deepbiq.bundle import check_place, default_bundle_path, open_bundle, write_bundle
from deepbiq.errors import BundleError
from tests.conftest import reseal, tiny_files, tiny_manifest


def zipped(folder, tmp_path):
    return shutil.make_archive(str(tmp_path / "bundle"), "zip", folder)


def test_folder_and_zip_hold_the_same(tiny_bundle, tmp_path):
    unpacked = open_bundle(tiny_bundle)
    packed = open_bundle(tmp_path / zipped(tiny_bundle, tmp_path))
    assert dict(unpacked.files) == dict(packed.files) == tiny_files()
    assert unpacked.model_id == packed.model_id
    assert unpacked.model_id.startswith("tiny@")


def test_the_seal_is_in_sha256sums_format(tiny_bundle):
    digest = hashlib.sha256((tiny_bundle / "manifest.json").read_bytes()).hexdigest()
    assert (tiny_bundle / "manifest.json.sha256").read_text() == f"{digest}  manifest.json\n"


@pytest.mark.parametrize("name", [*sorted(tiny_files()), "manifest.json", "manifest.json.sha256"])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_any_changed_byte_is_found(tiny_bundle, name, place):
    data = bytearray((tiny_bundle / name).read_bytes())
    index = {"first": 0, "middle": len(data) // 4, "last": len(data) - 1}[place]
    if name == "manifest.json.sha256" and place == "last":
        index = 63  # the last digit; what follows it is a name and a line end
    data[index] ^= 1
    (tiny_bundle / name).write_bytes(data)
    with pytest.raises(BundleError, match=str(tiny_bundle)):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize("name", [*sorted(tiny_files()), "manifest.json", "manifest.json.sha256"])
def test_a_missing_file_is_named(tiny_bundle, name):
    (tiny_bundle / name).unlink()
    with pytest.raises(BundleError, match=name):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize("name", sorted(tiny_files()))
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda _: b""])
def test_another_length_is_found(tiny_bundle, name, change):
    (tiny_bundle / name).write_bytes(change((tiny_bundle / name).read_bytes()))
    with pytest.raises(BundleError, match="SHA-256"):
        open_bundle(tiny_bundle)


def test_a_newer_schema_says_update(tiny_bundle):
    reseal(tiny_bundle, lambda manifest: manifest.update(schema=2))
    with pytest.raises(BundleError, match=r"schema 2, this deepbiq reads schema 1: update deepbiq"):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "a/../../secret", "a\\..\\b", "C:x", "", "manifest.json"]
)
def test_paths_that_leave_the_folder_are_refused(tiny_bundle, name):
    (tiny_bundle.parent / "secret").write_bytes(b"x")
    entry = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    reseal(tiny_bundle, lambda manifest: manifest["files"].update({name: entry}))
    with pytest.raises(BundleError, match="not a path inside the bundle"):
        open_bundle(tiny_bundle)


def test_a_link_that_leaves_the_folder_is_refused(tiny_bundle):
    outside = tiny_bundle.parent / "outside.onnx"
    (tiny_bundle / "features.onnx").rename(outside)
    (tiny_bundle / "features.onnx").symlink_to(outside)
    with pytest.raises(BundleError, match="leads out of the bundle"):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("schema"),
        lambda m: m.update(schema="1"),
        lambda m: m.pop("files"),
        lambda m: m.update(files={}),
        lambda m: m.pop("name"),
        lambda m: m["files"]["features.onnx"].pop("sha256"),
        lambda m: m["files"]["features.onnx"].update(size=-1),
        lambda m: m["files"]["features.onnx"].update(size=1 << 40),
        lambda m: m["files"].update({"features.onnx": None}),
    ],
)
def test_a_malformed_manifest_is_refused(tiny_bundle, change):
    reseal(tiny_bundle, change)
    with pytest.raises(BundleError):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("backbone"), "lacks backbone, a text"),
        (lambda m: m.pop("metrics"), "lacks metrics, a list"),
        (lambda m: m.pop("graphs"), "lacks graphs, an object"),
        (lambda m: m["graphs"]["fp32"].pop("output"), r"lacks graphs\.fp32\.output, a text"),
        (lambda m: m.update(plans=["dense"]), "plans must be an object that is not empty, got \\['dense'\\]"),
        (lambda m: m.update(default="dense"), r"lacks default\.plan, a text"),
        (lambda m: m["feature"].update(stride=0), r"feature\.stride must be a whole number above 0, got 0"),
        (lambda m: m["input"].update(size="224"), r"input\.size must be a whole number above 0, got '224'"),
        (lambda m: m.update(golden=[{}]), r"lacks golden\.0\.file, a text"),
        (lambda m: m["graphs"]["fp32"].update(calibration=[]), r"graphs\.fp32\.calibration must be an object"),
        (lambda m: m.update(metrics=[{"plan": "dense"}]), r"lacks metrics\.0\.dataset, a text"),
    ],
)
def test_a_value_of_the_manifest_that_is_missing_or_of_another_kind_is_named(tiny_bundle, change, message):
    reseal(tiny_bundle, change)
    with pytest.raises(BundleError, match=f"manifest.json: {message}"):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "loop"])
def test_names_that_are_no_files_are_refused(tiny_bundle, name):
    (tiny_bundle / "loop").symlink_to("loop")
    reseal(tiny_bundle, lambda manifest: manifest["files"].update({name: {"size": 1, "sha256": "0" * 64}}))
    with pytest.raises(BundleError, match="cannot be read"):
        open_bundle(tiny_bundle)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 200_000])
def test_a_manifest_that_is_no_object_is_refused(tiny_bundle, text):
    (tiny_bundle / "manifest.json").write_bytes(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        open_bundle(tiny_bundle)


def test_no_bundle_at_all(tmp_path):
    with pytest.raises(BundleError, match="no such bundle"):
        open_bundle(tmp_path / "missing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(BundleError, match="neither a folder nor a readable zip"):
        open_bundle(tmp_path / "text")


def test_a_zip_member_larger_than_promised_is_not_unpacked_whole(tiny_bundle, tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(tiny_bundle.rglob("*")):
            if file.is_file() and file.name != "features.onnx":
                archive.write(file, file.relative_to(tiny_bundle))
        archive.writestr("features.onnx", bytes(50_000_000))
    with pytest.raises(BundleError, match=r"features\.onnx does not match"):
        open_bundle(bomb)


def test_a_damaged_zip_is_refused(tiny_bundle, tmp_path):
    path = tmp_path / zipped(tiny_bundle, tmp_path)
    data = bytearray((tmp_path / path).read_bytes())
    data[len(data) // 3] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(data)
    with pytest.raises(BundleError):
        open_bundle(tmp_path / "damaged.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_changed_byte_of_a_zip_ends_in_another_error(tiny_bundle, tmp_path, method):
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", method) as archive:
        for file in sorted(tiny_bundle.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(tiny_bundle))
    good = packed.read_bytes()
    intact = open_bundle(packed)
    random = np.random.default_rng(5)
    versions_needed = [match.start() + 6 for match in re.finditer(b"PK\x01\x02", good)]
    for at in [*versions_needed, *random.integers(0, len(good), 200)]:
        packed.write_bytes(good[:at] + bytes([good[at] ^ 0x85]) + good[at + 1 :])
        try:
            found = open_bundle(packed)
        except BundleError:
            continue
        assert found.files == intact.files  # what changed was a date, or the like


def test_writing_replaces_a_bundle_whole(tiny_bundle):
    files = tiny_files()
    del files["features.onnx"]
    write_bundle(tiny_bundle, {**tiny_manifest(), "name": "second"}, files)
    assert open_bundle(tiny_bundle).manifest["name"] == "second"
    assert not (tiny_bundle / "features.onnx").exists()
    assert [path.name for path in tiny_bundle.parent.iterdir()] == [tiny_bundle.name]


@pytest.mark.parametrize("failing_write", range(4))
def test_a_full_disk_leaves_the_old_bundle(tiny_bundle, monkeypatch, failing_write):
    from deepbiq import bundle as module

    real, calls = module.write_atomically, []

    def full(path, data):
        calls.append(path)
        if len(calls) > failing_write:
            raise OSError(28, "No space left on device")
        real(path, data)

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(tiny_bundle, {**tiny_manifest(), "name": "second"}, tiny_files())
    assert open_bundle(tiny_bundle).manifest["name"] == "tiny"
    assert [path.name for path in tiny_bundle.parent.iterdir()] == [tiny_bundle.name]


def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(BundleError, match="not a bundle"):
        write_bundle(tmp_path / "photos", tiny_manifest(), tiny_files())
    assert (tmp_path / "photos" / "holiday.jpg").read_bytes() == b"precious"


def all_files(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("seal", [None, "0" * 64])
def test_the_manifest_of_something_else_makes_no_bundle(tmp_path, seal):
    extension = tmp_path / "extension"
    (extension / "src").mkdir(parents=True)
    (extension / "manifest.json").write_text('{"manifest_version": 3, "name": "extension"}')
    (extension / "src" / "app.js").write_text("precious")
    if seal is not None:
        (extension / "manifest.json.sha256").write_text(seal)
    before = all_files(tmp_path)
    with pytest.raises(
        BundleError, match=r"exists and is not a bundle: .* \(manifest\.json: has no schema number\)"
    ):
        write_bundle(extension, tiny_manifest(), tiny_files())
    assert all_files(tmp_path) == before


@pytest.mark.parametrize("fault", ["seal", "manifest"])
def test_a_bundle_whose_manifest_is_not_the_sealed_one_is_not_replaced(tiny_bundle, fault):
    if fault == "seal":
        (tiny_bundle / "manifest.json.sha256").unlink()
    else:
        (tiny_bundle / "manifest.json").write_text((tiny_bundle / "manifest.json").read_text() + " ")
    with pytest.raises(BundleError, match=r"manifest\.json\.sha256"):
        write_bundle(tiny_bundle, tiny_manifest(), tiny_files())


@pytest.mark.parametrize("name", ["report.html", "notes/readme.txt", "golden/.hidden"])
def test_a_bundle_with_foreign_files_is_not_replaced(tiny_bundle, name):
    (tiny_bundle / name).parent.mkdir(exist_ok=True)
    (tiny_bundle / name).write_text("precious")
    before = all_files(tiny_bundle)
    with pytest.raises(BundleError, match=f"would be lost: {name}: move them away or give another folder"):
        write_bundle(tiny_bundle, tiny_manifest(), tiny_files())
    assert all_files(tiny_bundle.parent) == {f"{tiny_bundle.name}/{file}": data for file, data in before.items()}


def test_a_foreign_link_to_a_folder_is_a_foreign_file(tiny_bundle, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tiny_bundle / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="would be lost: link"):
        check_place(tiny_bundle)


def test_only_some_of_many_foreign_files_are_named(tiny_bundle):
    for number in range(7):
        (tiny_bundle / f"{number}.txt").write_text("precious")
    with pytest.raises(BundleError, match=r"0\.txt, 1\.txt, 2\.txt, 3\.txt, 4\.txt and 2 more"):
        check_place(tiny_bundle)


def test_a_damaged_bundle_is_replaced(tiny_bundle):
    (tiny_bundle / "features.onnx").unlink()
    write_bundle(tiny_bundle, tiny_manifest(), tiny_files())
    open_bundle(tiny_bundle)


def test_a_link_to_a_bundle_stays_one(tiny_bundle, tmp_path):
    (tmp_path / "current").symlink_to(tiny_bundle)
    write_bundle(tmp_path / "current", {**tiny_manifest(), "name": "second"}, tiny_files())
    assert (tmp_path / "current").is_symlink()
    assert open_bundle(tiny_bundle).manifest["name"] == "second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", tiny_bundle.name]


@pytest.mark.parametrize("name", ["new", "new/inner", "empty", "tiny"])
def test_new_and_empty_folders_and_bundles_may_take_a_bundle(tiny_bundle, tmp_path, name):
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "tiny"}


@pytest.mark.parametrize("name", ["file", "file/inner"])
def test_a_file_takes_no_bundle(tmp_path, name):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(BundleError, match="file is a file: give a folder"):
        check_place(tmp_path / name)


@pytest.mark.parametrize("name", ["tiny", "new", "new/inner"])
def test_a_folder_that_is_not_writable_takes_no_bundle(tiny_bundle, tmp_path, monkeypatch, name):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(BundleError, match=f"as {tmp_path} is not writable"):
        check_place(tmp_path / name)


@pytest.mark.parametrize("name", ["../x", "/x"])
def test_writing_outside_is_refused(tmp_path, name):
    with pytest.raises(BundleError, match="not a path inside"):
        write_bundle(tmp_path / "b", tiny_manifest(), {name: b""})
    assert list(tmp_path.iterdir()) == []


def test_the_default_bundle_is_intact_and_small_enough_for_the_wheel():
    bundle = open_bundle(default_bundle_path())
    assert sum(len(data) for data in bundle.files.values()) <= 24_000_000
    assert {"random", "grid", "dense", "whole"} == set(bundle.manifest["plans"])
    assert bundle.manifest["golden"]
