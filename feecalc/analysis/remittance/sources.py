"""Files on their way in: what each is, and its bytes with the reader's own delimiters, in batches of whole claims."""

import codecs
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from feecalc.analysis.remittance.delimiters import (
    ELEMENT,
    SAMPLE,
    TERMINATOR,
    Delimiters,
    behind_isa,
    canonical,
    declared,
    fitting,
)
from feecalc.errors import InputError

Source = str | Path | bytes | BinaryIO | TextIO

BLOCK = 1 << 22  # bytes of a file that are read at once
LONGEST_CLAIM = 1 << 26  # bytes; more without a new claim are cut anywhere
BYTES_OF_LINE = 256  # about, with its share of the claim
BLANKS = b"\0 \t\r\n\x1a"
# Segments of the reader's own, which no file can hold as it leaves control characters out.
BEGIN, END, TOLD = "\x1bBEGIN", "\x1bEND", "\x1bTOLD"

_END = TERMINATOR.encode()
_CLAIM = re.compile(rb"\x1e ?CLP\x1d", re.IGNORECASE)


class _Bytes(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes."""


class NoRemittanceError(InputError):
    """A file that is something else than an 835."""


def batches(sources: Sequence[Source], names: Sequence[str], batch_lines: int) -> Iterator[bytes]:
    """The files one after the other with the reader's delimiters, about so many service lines at a time.

    A batch ends where a file or claim ends. Each file begins with BEGIN and its place in `sources`, and ends with END and
    what is wrong with the file as a whole; TOLD says what is wrong at a place in it.
    """
    size = max(batch_lines, 1) * BYTES_OF_LINE
    pending = bytearray()
    for number, (source, name) in enumerate(zip(sources, names, strict=True)):
        pending += _own(BEGIN, str(number))
        begun = len(pending)
        end = ""
        try:
            with _opened(source, name) as file:
                for piece in _pieces(file, name):
                    pending += piece
                    while len(pending) >= size and (cut := _end_of_batch(pending, size)):
                        yield bytes(memoryview(pending)[:cut])
                        del pending[:cut]
        except NoRemittanceError as error:
            end = str(error)
            del pending[begun:]
        rest = pending.rfind(_END) + 1
        last = bytes(pending[rest:]).strip()
        if last[:4].upper() == b"IEA" + ELEMENT.encode():
            pending += _END
        elif last:
            del pending[rest:]
            end = "cut"
        pending += _own(END, end)
        if len(pending) >= size:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def name_of(source: Source) -> str:
    """The name of a file; "" where it has none."""
    if isinstance(source, str | Path):
        return Path(source).name
    name = getattr(source, "name", "")
    return Path(name).name if isinstance(name, str) else ""


def _own(kind: str, text: str) -> bytes:
    """A segment of the reader's own; none where nothing is to be told."""
    if kind == TOLD and not text:
        return b""
    bare = re.sub(r"[\x00-\x1f]", " ", text)  # the name of a file may hold anything
    return f"{kind}{ELEMENT}{bare}{TERMINATOR}".encode("utf-8", "replace")


def _end_of_batch(pending: bytearray, size: int) -> int:
    """Where a claim begins: the last within a size, or the first behind it; 0 where none does yet."""
    at = pending.rfind(b"\x1eCLP\x1d", 0, size)
    at = pending.find(b"\x1eCLP\x1d", size) if at < 0 else at
    if at < 0:
        at = max((found.start() for found in _CLAIM.finditer(pending)), default=-1)
    if at < 0 and len(pending) > LONGEST_CLAIM:
        at = pending.rfind(_END)
    return at + 1


@contextmanager
def _opened(source: Source, name: str) -> Iterator[_Bytes]:
    """The file to read from. What was opened elsewhere stays open."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | Path):
        path = Path(source)
        if not path.is_file():
            raise NoRemittanceError(f"{name} is not a file. Give the path of an 835, or its bytes.")
        try:
            file = path.open("rb")
        except OSError as error:
            raise NoRemittanceError(f"{name} cannot be opened: {error.strerror}.") from None
        with file:
            yield file
    else:
        yield _Utf8(source)


class _Utf8:
    """A file object that may give text, as bytes."""

    def __init__(self, file: BinaryIO | TextIO) -> None:
        self.file = file

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes or letters."""
        read = self.file.read(size)
        return read.encode("utf-8", "replace") if isinstance(read, str) else read or b""


# Pieces --------------------------------------------------------------------------------------------------------------------


def _pieces(file: _Bytes, name: str) -> Iterator[bytes]:
    """The file with the reader's delimiters. Raises NoRemittanceError where it is no X12 at all."""
    delimiters: Delimiters | None = None
    reader = _blocks(file, name)
    data, done = b"", False
    while not done:
        block = next(reader, None)
        done = block is None
        data += block or b""
        end = len(data) if done else max(len(data) - SAMPLE, 0)  # what an ISA needs after it has to be there
        if not end:
            continue
        start = 0
        for at in _signs(data, end):
            said = declared(data, at) if _after_end(data, at, delimiters) else None
            if said is None:
                continue
            before = data[start:at]
            if delimiters is None and before.strip(BLANKS):  # an interchange that has lost its beginning, or no X12
                delimiters, told = fitting(before, 0, None)
                yield _own(TOLD, told or "what stands before the first ISA is no X12 and was passed over")
            if delimiters is not None:
                yield canonical(before, delimiters) + _END
            if said != delimiters:
                delimiters, told = fitting(data, at, said)
                yield _own(TOLD, told)
            start = at
            if delimiters is not None and delimiters.terminator != said.terminator:  # so that the ISA ends where it has to
                start = behind_isa(data, at, said, delimiters)
                yield canonical(data[at:start], delimiters) + _END
        if delimiters is None:
            delimiters, told = fitting(data, 0, None)
            if delimiters is None:
                raise NoRemittanceError(_what_else(data, name))
            yield _own(TOLD, told)
        yield canonical(data[start:end], delimiters)
        data = data[end:]


def _signs(data: bytes, end: int) -> list[int]:
    """Where data has the letters ISA."""
    found = []
    for letters in (b"ISA", b"isa"):
        at = data.find(letters, 0, end)
        while at >= 0:
            found.append(at)
            at = data.find(letters, at + 1, end)
    return sorted(found)


def _after_end(data: bytes, at: int, delimiters: Delimiters | None) -> bool:
    """Whether a place is the start, or stands after a terminator or line end."""
    before = data[max(at - 100, 0) : at].rstrip(b" \t\0")
    return not before or before[-1:] in b"\r\n\x1a" or delimiters is None or before.endswith(delimiters.terminator)


def _blocks(file: _Bytes, name: str) -> Iterator[bytes]:
    """The file in blocks of UTF-8 or an 8-bit code, without a byte order mark. Raises NoRemittanceError where it is another."""
    head = file.read(BLOCK)
    if not head.strip(BLANKS):
        size = "0 bytes" if not head else "nothing but blanks"
        raise NoRemittanceError(f"{name} is empty: it has {size}. Download the remittance again.")
    _refuse_other_kinds(head, name, file)
    decode = None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decode = codecs.getincrementaldecoder("utf-16")("replace").decode
    elif head.startswith(codecs.BOM_UTF8):
        head = head[len(codecs.BOM_UTF8) :]
    block = head
    while block:
        yield block if decode is None else decode(block).encode("utf-8", "replace")
        block = file.read(BLOCK)


# Other kinds ---------------------------------------------------------------------------------------------------------------

_CONTAINERS = (
    (b"\x1f\x8b", "compressed with gzip", "Unpack it, and read what is in it."),
    (b"%PDF", "a PDF", "Ask the payer or clearinghouse for the 835 (ERA) of the same payment."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old Office program", "Save it as .xlsx or .csv."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it, and read what is in it."),
    (b"Rar!", "a RAR archive", "Unpack it, and read what is in it."),
    (b"BZh", "compressed with bzip2", "Unpack it, and read what is in it."),
    (b"\xfd7zXZ", "compressed with xz", "Unpack it, and read what is in it."),
    (b"PAR1", "a parquet file", "Read it as a table of paid lines."),
    (b"\x89PNG", "a picture", "Ask the payer or clearinghouse for the 835 (ERA) of the same payment."),
    (b"\xff\xd8\xff", "a picture", "Ask the payer or clearinghouse for the 835 (ERA) of the same payment."),
    (b"-----BEGIN PGP", "encrypted", "Decrypt it first."),
)


def _refuse_other_kinds(head: bytes, name: str, file: _Bytes) -> None:
    """Say what a file is by its first bytes."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        inside = _in_zip(head, file)
        if any(entry.startswith("xl/") for entry in inside):
            raise NoRemittanceError(f"{name} is an Excel workbook, not an 835. Read it as a table of paid lines.")
        if "[Content_Types].xml" in inside:
            raise NoRemittanceError(f"{name} is an Office document, not an 835. Download the 835 (ERA) itself.")
        raise NoRemittanceError(f"{name} is a zip archive. Unpack it, and read the 835 that is in it.")
    for begins, kind, to_do in _CONTAINERS:
        if head.startswith(begins):
            raise NoRemittanceError(f"{name} is {kind}, not an 835. {to_do}")


def _in_zip(head: bytes, file: _Bytes) -> list[str]:
    """The names in a zip; none where it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(head + file.read())) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return []


def _what_else(data: bytes, name: str) -> str:
    """The sentence for text that is no X12, without a word of it."""
    start = data[:SAMPLE].lstrip().lower()
    kind, to_do = "not an 835: it has no segments of X12", "Download the 835 (ERA) itself from the payer or clearinghouse."
    if start.startswith((b"<!doctype html", b"<html")):
        kind, to_do = "a web page, not an 835", "It may be a log-in page: log in, and download the 835 again."
    elif start.startswith(b"<"):
        kind = "XML, not an 835"
    elif start.startswith((b"{", b"[")):
        kind = "JSON, not an 835"
    elif start.count(b",") + start.count(b"\t") >= 2 * start.count(b"\n") > 0 and not re.search(rb"[\x00-\x08]", start):
        kind, to_do = "a table, not an 835", "Read it as a table of paid lines."
    return f"{name} is {kind}. {to_do}"
