"""Opening what a person downloaded: a zip (zips inside it too), a folder, or a single file. Nothing is unpacked to disk."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from feecalc.errors import ArchiveError

LARGEST = 500_000_000  # bytes after unpacking: the largest real download, ZIP9 as txt and xlsx, stays below 200 MB
LARGEST_BOOK = 3_000_000_000  # the same of one workbook, whose sheets take many times the room of a text
DEEPEST = 3  # a zip in a zip in a zip; CMS nests once

PAGE = (
    "is a web page saved under the name of a data file. CMS answers with its licence page until the terms are accepted: "
    "open the link in a browser, accept, and save the file that follows"
)


@dataclass(frozen=True)
class Source:
    """The file that a person handed over: its name and the SHA-256 of its bytes, in hexadecimal."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Member:
    """One data file of a download. `name` is its name inside, "outer.zip/inner.csv" where zips are nested."""

    name: str
    source: Source
    read: Callable[[], bytes] = field(repr=False, compare=False)

    @property
    def base(self) -> str:
        """The file's own name, without folders or zips around it."""
        return PurePosixPath(self.name).name

    @property
    def ending(self) -> str:
        """The ending in lower case without its dot: "csv"."""
        return PurePosixPath(self.name).suffix.lower().lstrip(".")


def members(path: Path) -> list[Member]:
    """All files of a zip, a folder or a single file, sorted by name.

    Every part of a zip is checked against its CRC here. Raises ArchiveError for whatever is not what it claims to be.
    """
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        found = [m for p in files for m in _single(p, prefix=_folder(p, path))]
    elif path.is_file():
        found = _single(path, prefix="")
    else:
        raise ArchiveError(f"{path.name}: no such file or folder. Check the path.")
    return sorted(found, key=lambda m: m.name)


def _folder(file: Path, root: Path) -> str:
    inside = file.parent.relative_to(root).as_posix()
    return "" if inside == "." else f"{inside}/"


def _single(path: Path, prefix: str) -> list[Member]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{path.name} cannot be read: {error.strerror}.") from error
    source = Source(path.name, hashlib.sha256(data).hexdigest())
    _refuse_page(data, path.name)
    if not data:
        raise ArchiveError(f"{path.name} is empty. Download it again.")
    if data[:2] == b"PK":
        _refuse_vast_book(data, path.name)
    if data[:2] == b"PK" and not _is_workbook(data):
        return _unpack(data, path.name, prefix, source, depth=1, budget=[LARGEST])
    if path.suffix.lower() == ".zip":
        raise ArchiveError(f"{path.name} is not a zip file. Download it again from CMS.")
    return [Member(prefix + path.name, source, lambda: data)]


def _unpack(data: bytes, name: str, prefix: str, source: Source, depth: int, budget: list[int]) -> list[Member]:
    """The files of one zip. `budget` holds the bytes that may still be unpacked; all zips of a download share it."""
    if depth > DEEPEST:
        raise ArchiveError(f"{source.name} nests zips deeper than {DEEPEST}: it is no CMS download. Nothing was read.")
    damaged = f"{name} is damaged or was cut short. Download it again."
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise ArchiveError(damaged) from error
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry in archive.infolist():
        _refuse_name(entry.filename, name)
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise ArchiveError(f"{name} is locked with a password. Unpack it first and give feecalc the folder.")
        budget[0] -= entry.file_size
    if budget[0] < 0:
        raise ArchiveError(
            f"{source.name} would unpack to more than {LARGEST // 1_000_000} MB: it is no CMS download. Nothing was read."
        )

    def reader(entry: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                # ZipFile.read unpacks up to 2 GB at a time, whatever the size declared; this ends there, and compares the CRC.
                with archive.open(entry) as packed:
                    return packed.read(entry.file_size + 1)
            except NotImplementedError as error:
                way = f"{name} packs {entry.filename} in a way that feecalc cannot open."
                raise ArchiveError(f"{way} Unpack it first and give feecalc the folder.") from error
            except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
                raise ArchiveError(damaged) from error

        return read

    found: list[Member] = []
    for entry in entries:
        read = reader(entry)
        inside = read()
        _refuse_page(inside, f"{name}/{entry.filename}")
        if inside[:2] == b"PK":
            _refuse_vast_book(inside, f"{name}/{entry.filename}")
        if entry.filename.lower().endswith(".zip"):
            if inside[:2] != b"PK":
                raise ArchiveError(f"{name}/{entry.filename} is not a zip file. Download {source.name} again from CMS.")
            found += _unpack(inside, f"{name}/{entry.filename}", f"{prefix}{entry.filename}/", source, depth + 1, budget)
        elif not PurePosixPath(entry.filename).name.startswith("."):
            found.append(Member(prefix + entry.filename, source, read))
    return found


def _refuse_page(data: bytes, name: str) -> None:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        raise ArchiveError(f"{name} {PAGE}.")


def _refuse_name(name: str, archive: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    absolute = name.startswith(("/", "\\")) or PureWindowsPath(name).drive
    if absolute or ".." in parts or "\0" in name:
        raise ArchiveError(
            f"{archive} holds the name {name!r}, which points outside the zip: it is no CMS download. Nothing was read."
        )


def _refuse_vast_book(data: bytes, name: str) -> None:
    """Refuse a workbook that its reader would unpack to more than any of CMS's; another zip has bounds of its own."""
    if not _is_workbook(data):
        return
    unpacked = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(data)).infolist())
    if unpacked > LARGEST_BOOK:
        raise ArchiveError(f"{name} would unpack to {unpacked:,} bytes: it is no workbook of CMS's. Nothing was read.")


def _is_workbook(data: bytes) -> bool:
    """Whether a zip is a spreadsheet or another Office file, which are zips themselves."""
    try:
        return "[Content_Types].xml" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        return False
