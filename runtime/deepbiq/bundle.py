"""Bundles: a model with everything needed to score, sealed by SHA-256.

A bundle is a folder, or a zip of it, with a `manifest.json` that lists every other file with its size and
SHA-256; `manifest.json.sha256` (in the format of sha256sum) seals the manifest itself. Everything is read and
checked once when the bundle is opened; later changes on disk cannot reach a running scorer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deepbiq.bundle_manifest import parse_manifest
from deepbiq.errors import BundleError
from deepbiq.files import sync_folder, write_atomically

MANIFEST = "manifest.json"
SEAL = "manifest.json.sha256"
MAX_FILE_BYTES = 1 << 30
"""No file of a bundle may be larger: a zip member cannot unpack to more than the manifest promises."""
_MAX_MANIFEST_BYTES = 1 << 20
_MAX_SEAL_BYTES = 1 << 10
_MOST_NAMED = 5
"""Foreign files that a message names."""
_SHA256 = re.compile(r"[0-9a-f]{64}")

ReadMember = Callable[[str, int], bytes]
"""Reads the named member, at most so many bytes plus one."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose files were all read and found intact.

    Attributes:
        path: Where it was read from.
        manifest: The parsed manifest, schema 1 (see docs/bundle.md).
        model_id: The bundle's name and the first eight digits of its manifest's SHA-256.
        files: Content of every file that the manifest lists, by its path inside the bundle.
    """

    path: Path
    manifest: Mapping[str, Any]
    model_id: str
    files: Mapping[str, bytes]

    def read(self, name: str) -> bytes:
        """Returns the content of one file.

        Raises:
            BundleError: When the manifest does not list it.
        """
        try:
            return self.files[name]
        except KeyError:
            raise BundleError(f"{self.path}: {name} is used but not listed under files in {MANIFEST}") from None


def default_bundle_path() -> Path:
    """Returns the bundle that ships with deepbiq."""
    return Path(__file__).parent / "bundles" / "default"


def open_bundle(path: Path) -> Bundle:
    """Opens a bundle and checks every file against its size and SHA-256.

    Args:
        path: A folder or a zip file.

    Raises:
        BundleError: When it is missing, of another schema, incomplete, changed, or names a file outside itself.
    """
    if path.is_dir():
        root = path.resolve()
        return _open(path, lambda name, limit: _read_from_folder(root, name, limit))
    try:
        with zipfile.ZipFile(path) as archive:
            return _open(path, lambda name, limit: _read_from_zip(archive, name, limit))
    except FileNotFoundError:
        raise BundleError(f"{path}: no such bundle") from None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: not a bundle: neither a folder nor a readable zip ({error})") from error


def _open(path: Path, read: ReadMember) -> Bundle:
    try:
        manifest, digest = _read_manifest(read)
        files = {name: _read_checked(read, name, entry) for name, entry in manifest["files"].items()}
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error
    return Bundle(path, manifest, f"{manifest['name']}@{digest[:8]}", files)


def _read_manifest(read: ReadMember) -> tuple[dict[str, Any], str]:
    """Returns the manifest and its SHA-256 once it is known to be the sealed one."""
    text = read(MANIFEST, _MAX_MANIFEST_BYTES)
    try:
        manifest = parse_manifest(text)
    except BundleError as error:
        raise BundleError(f"{MANIFEST}: {error}") from error
    digest = hashlib.sha256(text).hexdigest()
    if read(SEAL, _MAX_SEAL_BYTES).split()[:1] != [digest.encode()]:
        raise BundleError(f"{MANIFEST} does not match {SEAL}: it was changed after the bundle was sealed")
    return manifest, digest


def _read_checked(read: ReadMember, name: str, entry: object) -> bytes:
    _check_inside(name)
    size, digest = (entry.get("size"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
    if not isinstance(size, int) or not 0 <= size <= MAX_FILE_BYTES or not _SHA256.fullmatch(str(digest)):
        raise BundleError(f"{MANIFEST} has no valid size and SHA-256 for {name}")
    data = read(name, size)
    if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
        raise BundleError(f"{name} does not match its SHA-256: it was changed or damaged; install it again")
    return data


def _check_inside(name: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name or name in ("", MANIFEST, SEAL):
        raise BundleError(f"{name!r} is not a path inside the bundle")


def _read_from_folder(root: Path, name: str, limit: int) -> bytes:
    try:
        target = (root / name).resolve()
        if not target.is_relative_to(root):
            raise BundleError(f"{name} leads out of the bundle, to {target}")
        with target.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RuntimeError) as error:  # no name of a file, or a link that leads to itself
        raise BundleError(f"{name!r} cannot be read: {error}") from error


def _read_from_zip(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        with archive.open(name) as file:
            return file.read(limit + 1)
    except KeyError:
        raise BundleError(f"{name} is missing from the zip") from None
    except Exception as error:  # zipfile passes on whatever a packer says of damaged bytes
        raise BundleError(f"{name} cannot be unpacked ({error})") from error


def check_place(folder: Path) -> None:
    """Finds out whether a bundle may be written to a folder; worth asking before long work.

    It may when nothing can be lost: there is no such folder, it is empty, or it holds a bundle and nothing else.

    Raises:
        BundleError: When it holds something else, is a file, or is not writable.
    """
    try:
        target = folder.resolve()
        found = next(place for place in (target, *target.parents) if place.exists())
        if not found.is_dir():
            raise BundleError(f"{found} is a file: give a folder")
        changed = target.parent if found == target else found
        if not os.access(changed, os.W_OK | os.X_OK):
            raise BundleError(f"{folder}: no bundle can be written there, as {changed} is not writable")
        if found == target and any(target.iterdir()):
            _check_replaceable(folder)
    except (OSError, RuntimeError) as error:  # a folder that must not be looked into, a link that leads to itself
        raise BundleError(f"{folder}: no bundle can be written there: {error}") from error


def _check_replaceable(folder: Path) -> None:
    """Refuses to replace a folder that is no bundle, or holds files that are no part of it."""
    root = folder.resolve()
    try:
        manifest, _ = _read_manifest(lambda name, limit: _read_from_folder(root, name, limit))
    except BundleError as error:
        raise BundleError(
            f"{folder} exists and is not a bundle: give another folder or remove it ({error})"
        ) from error
    own = {*manifest["files"], MANIFEST, SEAL}
    names = (
        file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_symlink() or not file.is_dir()
    )
    foreign = sorted(name for name in names if name not in own)
    if foreign:
        more = f" and {len(foreign) - _MOST_NAMED} more" if len(foreign) > _MOST_NAMED else ""
        raise BundleError(
            f"{folder} holds files that are no part of its bundle and would be lost: "
            f"{', '.join(foreign[:_MOST_NAMED])}{more}: move them away or give another folder"
        )


def write_bundle(folder: Path, manifest: Mapping[str, object], files: Mapping[str, bytes]) -> None:
    """Writes and seals a bundle; an existing one is replaced only when the new one is complete.

    Args:
        folder: The bundle's folder; its parent must exist.
        manifest: Everything but `files`, which is added here.
        files: Content by path inside the bundle.

    Raises:
        BundleError: See `check_place`; also when a path leads out of the folder.
        OSError: When the disk is full or not writable; an existing bundle is then untouched.
    """
    check_place(folder)
    folder = folder.resolve()  # a link keeps leading to the bundle
    entries = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in sorted(files.items())
    }
    text = json.dumps({**manifest, "files": entries}, indent=2, ensure_ascii=False).encode() + b"\n"
    seal = f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        building.chmod(0o755)
        for name, data in {**files, MANIFEST: text, SEAL: seal}.items():
            if name not in (MANIFEST, SEAL):
                _check_inside(name)
            (building / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(building / name, data)
        open_bundle(building)
        _swap_in(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _swap_in(building: Path, folder: Path) -> None:
    """Puts the finished folder in place; the old one, if any, leaves by rename and is removed last."""
    old = building.with_name(f"{building.name}.old")
    if folder.exists():
        folder.rename(old)
    building.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
