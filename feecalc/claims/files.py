"""A file to be read: on disk, or in memory, as it was dropped on a page. What lies in memory is never written to disk."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from feecalc.errors import InputError

# The first bytes of the container that Office wraps a protected workbook in, and that an .xls is; and those of an .xlsx.
CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIPPED = b"PK\x03\x04"


@dataclass(frozen=True)
class File:
    """A file by its `name`, with what its bytes are read from."""

    name: str
    source: Path | bytes = field(repr=False)

    @classmethod
    def of(cls, source: "str | Path | bytes | File", name: str | None = None, such_as: str = "claims.csv") -> "File":
        """A path, or the bytes of a file with its name. Raises InputError where there is no such file, or no name."""
        if isinstance(source, File):
            return source
        if isinstance(source, bytes):
            named = Path(name or "").name
            if not Path(named).suffix:
                raise InputError(f"Bytes of a file need its name, which tells what kind it is: {such_as}.")
            return cls(named, source)
        path = Path(source)
        if not path.is_file():
            raise InputError(f"{path} is not a file.")
        return cls(path.name, path)

    @property
    def ending(self) -> str:
        """What its name ends in, such as .csv."""
        return Path(self.name).suffix.lower()

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def open(self) -> BinaryIO:
        """Its bytes, from the first on."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


@contextmanager
def damage(file: File | Path) -> Iterator[None]:
    """Name the file where polars cannot read it. The words of polars may hold values of the file, so they are left out."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        kind = Path(file.name).suffix[1:]
        raise InputError(f"{file.name} cannot be read as {kind}: it is damaged, or something else.") from error
