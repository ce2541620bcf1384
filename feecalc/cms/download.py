"""Fetching CMS's pages and files: the only code of feecalc that touches the network.

A file is written beside its place as `.part`, resumed where a connection was cut, tested, and renamed: under its own name
stands nothing but a whole zip. Requests follow one another with a pause and say who asks.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util.retry import Retry

from feecalc import __version__, paths
from feecalc.cms.archive import members
from feecalc.cms.discovery import CMS_HOSTS, DownloadError, UnreachableError, unwrap
from feecalc.errors import ArchiveError, InputError

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

BASE = "https://www.cms.gov"
BASE_VARIABLE = "FEECALC_CMS_URL"
AGENT = f"feecalc/{__version__} (Medicare fee estimator; fetches each file once)"

CHUNK = 16 * 1024
LARGEST_FILE = 300_000_000  # bytes as sent: the largest real one, a year's payment amounts, has 21 MB
LARGEST_PAGE = 10_000_000
MOST_MEMBERS = 2_000  # files in a zip: a release has 16
STEEPEST = 200  # bytes unpacked for one packed: CMS's fixed-width tables reach some 30
MOST_REDIRECTS = 8
PAUSE = 1.0  # seconds between two requests
LONGEST_WAIT = 60.0  # seconds, whatever a server asks for
PARTIAL = requests.codes.partial_content
BUSY = {429, 500, 502, 503, 504}


class MissingError(DownloadError):
    """A page or file that is not (or no longer) where it was."""


class FullDiskError(DownloadError):
    """No room on this machine's disk: another address of the file would not help."""


@dataclass(frozen=True)
class Progress:
    """How far a download is: bytes received of all of them (None where the server does not say), bytes a second."""

    name: str
    received: int
    total: int | None
    rate: float


@dataclass(frozen=True)
class Downloaded:
    """A whole file on disk. `fresh`: it was fetched now; else the server said that it has not changed since."""

    path: Path
    address: str
    sha256: str
    fresh: bool


@dataclass(frozen=True)
class Record:
    """What is kept beside a file, whole or not: where it came from, and the marks by which the server knows it again."""

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None
    sha256: str = ""

    @property
    def validator(self) -> str:
        """What a request to resume must name, so that two versions are never joined; "" where there is nothing to name."""
        return self.modified if self.etag.startswith("W/") or not self.etag else self.etag

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """The record of a file; None where there is none, or none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Keep it, whole or not at all."""
        with paths.new_file(path) as scratch:
            scratch.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


class _Patient(Retry):
    """Waits as long as a server asks (Retry-After), but no longer than LONGEST_WAIT."""

    def get_retry_after(self, response: "BaseHTTPResponse") -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, LONGEST_WAIT)


def _silent() -> None:
    """Say nothing."""


@contextmanager
def locked(file: Path, patience: float, busy: str, waiting: Callable[[], None] = _silent) -> Iterator[None]:
    """Hold a lock that other processes respect; wait up to `patience` seconds for it, then raise DownloadError with `busy`.

    `waiting` is called once where it has to wait.

    It is the operating system's own lock on the file, taken through SQLite, which does so on every platform. It ends with
    the process, however that ends, so a lock is never left behind by one that was killed; the empty file stays.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + patience
    connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        while True:
            try:
                connection.execute("BEGIN EXCLUSIVE")
                break
            except sqlite3.OperationalError as error:
                if "full" in str(error):  # SQLite writes a page of its own to hold a lock
                    raise FullDiskError(f"The disk of {file.parent} is full. Make room and run it again.") from error
                if "locked" not in str(error):
                    raise OSError(errno.EIO, f"cannot be locked ({error})", str(file)) from error
                if time.monotonic() >= until:
                    raise DownloadError(busy) from error
            waiting()
            waiting = _silent
            time.sleep(min(0.2, max(0.0, until - time.monotonic())))
        yield
    finally:
        connection.close()


def base_address(given: str | None = None) -> str:
    """Where CMS's files lie: the address given, else FEECALC_CMS_URL, else cms.gov. Raises InputError for a bad one."""
    base = (given or os.environ.get(BASE_VARIABLE) or BASE).strip().rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"{base!r} is no web address. Give one such as {BASE}.")
    return base


def file_name(address: str) -> str:
    """The name under which a download is kept: the last part of its address, with the parts of a date before it.

    CMS writes dates with slashes, so that /files/zip/rvu24a-updated-04/01/2024.zip ends in no more than 2024.zip.
    """
    parts = [part for part in unquote(urlsplit(address).path).split("/") if part not in {"", ".", ".."}]
    name = parts.pop() if parts else ""
    while parts and re.fullmatch(r"[\d-]+(\.\w+)?", name):
        name = f"{parts.pop()}-{name}"
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-")
    if not cleaned:
        raise DownloadError(f"{address} names no file.")
    return cleaned


class Client:
    """Fetches pages and files below one base address, one after the other.

    `pause` seconds (PAUSE) lie between two requests. `agreed`: the person has accepted CMS's and the AMA's terms, so a licence
    page that stands before a file is answered with yes; without that it is an error. `progress` is called as a file arrives.
    """

    def __init__(
        self,
        base: str | None = None,
        *,
        agreed: bool = False,
        pause: float | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        attempts: int = 4,
        backoff: float = 1.0,
        patience: float = 600.0,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.base = base_address(base)
        self.agreed = agreed
        self._pause = PAUSE if pause is None else pause
        self._timeouts, self._attempts, self._backoff = (connect_timeout, read_timeout), attempts, backoff
        self._patience = patience
        self._progress = progress or (lambda step: None)
        self._last = 0.0
        self._session = requests.Session()
        self._session.headers["User-Agent"] = AGENT
        retry = _Patient(
            total=attempts,
            redirect=0,
            status_forcelist=BUSY,
            allowed_methods={"GET"},
            backoff_factor=backoff,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    # Pages -------------------------------------------------------------------------------------------------------------

    def page(self, address: str) -> tuple[str, str]:
        """A page's address after redirects, and its text. Raises DownloadError."""
        with self._open(self.url(address), {}) as response:
            self._refuse_status(response)
            data = bytearray()
            try:
                for chunk in response.iter_content(CHUNK):
                    data += chunk
                    if len(data) > LARGEST_PAGE:
                        raise DownloadError(
                            f"{response.url} is larger than {LARGEST_PAGE // 1_000_000} MB: it is no page of CMS's."
                        )
            except requests.RequestException as error:
                raise DownloadError(f"{response.url} broke off: {_reason(error)}. Try again.") from error
            return response.url, data.decode(response.encoding or "utf-8", errors="replace")

    def url(self, address: str) -> str:
        """A whole address below the base: a path is put below it, an address of cms.gov is moved there."""
        whole = address if "://" in address else f"{self.base}/{address.lstrip('/')}"
        parts = urlsplit(unwrap(whole))
        own = urlsplit(self.base)
        if parts.hostname in CMS_HOSTS and parts.netloc != own.netloc:
            return urlunsplit((own.scheme, own.netloc, own.path.rstrip("/") + parts.path, parts.query, ""))
        scheme = own.scheme if parts.netloc == own.netloc else parts.scheme  # never down from https
        return urlunsplit((scheme, parts.netloc, parts.path, parts.query, ""))

    # Files -------------------------------------------------------------------------------------------------------------

    def fetch(self, address: str, folder: Path, sha256: str | None = None) -> Downloaded:
        """A zip of CMS's in `folder`, whole and tested. One that lies there already is asked for only if it has changed.

        Raises DownloadError, MissingError where there is nothing at that address; ArchiveError where what came is no sound
        zip, or not the one whose `sha256` is known; OSError where it cannot be written. What lay there before remains then.
        """
        target = folder / file_name(address)
        busy = f"Another download into {folder} is at work. Try again when it is done."
        with locked(folder / ".lock", self._patience, busy):
            _sweep(folder)
            return self._fetch(self.url(address), address, target, sha256)

    def _fetch(self, url: str, address: str, target: Path, sha256: str | None) -> Downloaded:
        held = _held(target, url)
        if held is not None and sha256 is not None and held.sha256 != sha256:
            held = None
        part = _Part(target)
        asked, failed, furthest, problem = url, 0, part.size, ""
        while failed <= self._attempts:
            time.sleep(min(self._backoff * 2**failed, LONGEST_WAIT) if failed else 0.0)
            have = part.resumable(url)
            with self._open(asked, _headers(held, have, part.record)) as response:
                if response.status_code == requests.codes.not_modified and held is not None:
                    return Downloaded(target, address, held.sha256, fresh=False)
                whole_before = response.status_code == requests.codes.requested_range_not_satisfiable
                if whole_before and _total_of_range(response) == have:
                    problem = ""
                elif (whole_before and have) or (response.status_code == PARTIAL and not part.fits(response, have)):
                    part.drop()
                    failed, problem = failed + 1, "the part that was here is of another version"
                    continue
                else:
                    self._refuse_status(response)
                    if _is_page(response):
                        asked = self._accepted(response, asked)
                        continue
                    if response.status_code != PARTIAL:
                        part.begin(_record(url, response))
                        have = 0
                    problem = self._receive(response, part)
            if problem:  # an attempt that came no further counts; one that did begins the count again
                failed, furthest = (1 if part.size > furthest else failed + 1), max(furthest, part.size)
                continue
            if self._finish(part, target, sha256, resumed=have > 0):
                return Downloaded(target, address, part.sha256, fresh=True)
            failed, problem = failed + 1, "the parts do not make a sound zip together"
        raise DownloadError(f"{url} broke off again and again: {problem}. Try again later.")

    def _receive(self, response: requests.Response, part: "_Part") -> str:
        """Write what comes to the end of the part; the reason where it broke off, "" where all of it came."""
        started, before = time.monotonic(), part.size
        total = part.record.total if part.record else None
        if total is not None:
            _refuse_size(total, part)
            _refuse_full_disk(total - before, part)
        try:
            with part.opened() as handle:
                for chunk in _as_it_comes(response):
                    write(handle, chunk)
                    part.size += len(chunk)
                    _refuse_size(part.size, part)
                    rate = (part.size - before) / max(time.monotonic() - started, 1e-3)
                    self._progress(Progress(part.target.name, part.size, total, rate))
        except HTTPError as error:  # before OSError, for a request's own errors are of both kinds
            return _reason(error)
        except OSError as error:
            raise _told(error, part) from error
        if total is not None and part.size < total:
            return f"{part.size:,} of {total:,} bytes came"
        if total is None:  # only its end tells how much all of it is
            rate = (part.size - before) / max(time.monotonic() - started, 1e-3)
            self._progress(Progress(part.target.name, part.size, part.size, rate))
        return ""

    def _finish(self, part: "_Part", target: Path, sha256: str | None, resumed: bool) -> bool:
        """Test a whole part and give it its name. A resumed one that fails is dropped, False: it is fetched anew, once."""
        try:
            part.test(sha256)
        except ArchiveError:
            part.drop()
            if resumed:
                return False
            raise
        part.become(target)
        return True

    # Requests ----------------------------------------------------------------------------------------------------------

    def _open(self, url: str, headers: dict[str, str]) -> requests.Response:
        """The answer to a request, its body not yet read; redirects are followed one by one, so that a circle can be told."""
        seen: list[tuple[str, frozenset[tuple[str, str | None]]]] = []
        while True:
            step = (url, frozenset((cookie.name, cookie.value) for cookie in self._session.cookies))
            if step in seen or len(seen) > MOST_REDIRECTS:
                way = " -> ".join(one for one, _ in [*seen, step])
                raise DownloadError(f"CMS's server sends the request in a circle: {way}. Try again later, or fetch it by hand.")
            seen.append(step)
            response = self._ask(url, headers)
            if not response.is_redirect:
                return response
            target = urljoin(url, response.headers["location"])
            response.close()
            if unwrap(target) != target:  # the licence page
                url = self._beyond_terms(target)
                continue
            url = self.url(target)
            parts, own = urlsplit(url), urlsplit(self.base)
            if parts.netloc != own.netloc and not (parts.scheme == "https" and f".{parts.hostname}".endswith(".cms.gov")):
                raise DownloadError(f"{seen[0][0]} redirects to {url}, which is not CMS's. Nothing was fetched from there.")

    def _ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        time.sleep(max(0.0, self._last + self._pause - time.monotonic()))
        try:
            # A body packed for the way cannot be resumed at a byte.
            headers = {"Accept-Encoding": "identity", **headers}
            return self._session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=self._timeouts)
        except requests.RequestException as error:
            told = f"{url} cannot be reached: {_reason(error)}. Check the connection, or try again later."
            raise (UnreachableError if _nobody_there(error) else DownloadError)(told) from error
        finally:
            self._last = time.monotonic()

    def _accepted(self, response: requests.Response, asked: str) -> str:
        """The address to ask after a page came in place of a file: behind the licence page, once; else raises ArchiveError."""
        try:
            page = next(response.iter_content(200_000), b"").decode("utf-8", errors="replace")
        except requests.RequestException as error:
            raise DownloadError(f"{response.url} broke off: {_reason(error)}. Try again.") from error
        title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
        called = f' ("{" ".join(title.group(1).split())[:80]}")' if title else ""
        licence = re.search(r"licen[sc]e|agree", page, re.IGNORECASE)
        if licence and not urlsplit(asked).query:
            return self._beyond_terms(asked)
        raise ArchiveError(f"{response.url} answers with a web page{called} in place of the zip. CMS may have moved the file.")

    def _beyond_terms(self, url: str) -> str:
        """The address of a file with the mark that its terms are accepted, as the button of CMS's licence page sends it."""
        if not self.agreed:
            raise DownloadError(
                f"{url} stands behind CMS's licence page. Read the terms there; accept them with --accept-terms."
            )
        return f"{self.url(url).split('?')[0]}?agree=yes&next=Accept"

    @staticmethod
    def _refuse_status(response: requests.Response) -> None:
        status = response.status_code
        if status in {requests.codes.not_found, requests.codes.gone}:
            raise MissingError(f"{response.url} is not there ({status}).")
        if status in BUSY:
            raise DownloadError(f"{response.url}: CMS's server is busy or broken ({status}). Try again later.")
        if status not in {requests.codes.ok, PARTIAL}:
            raise DownloadError(f"{response.url} was refused ({status} {response.reason}). Try it in a browser.")


class _Part:
    """A download that is not whole yet: its bytes so far, and beside them the marks of what they are part of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.notes = target.with_name(f"{target.name}.part.json")
        self.record = Record.read(self.notes)
        self.size = self.path.stat().st_size if self.path.exists() else 0
        self.sha256 = ""

    def resumable(self, url: str) -> int:
        """How many bytes may be kept: those of the same address of which the server's mark is known. Others are dropped."""
        if self.size and (self.record is None or self.record.url != url or not self.record.validator):
            self.drop()
        return self.size

    def fits(self, response: requests.Response, have: int) -> bool:
        """Whether an answer continues the part at its end, and is of the same file."""
        ranged = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", "").strip())
        if ranged is None or self.record is None or int(ranged.group(1)) != have:
            return False
        etag, modified = _marks(response)
        if (etag and self.record.etag and etag != self.record.etag) or (modified and modified != self.record.modified):
            return False
        total = None if ranged.group(2) == "*" else int(ranged.group(2))
        return total is None or self.record.total is None or total == self.record.total

    def begin(self, record: Record) -> None:
        """Start anew. The bytes go first: a record never stands beside bytes of another file."""
        self.drop()
        record.write(self.notes)
        self.record = record

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file of the part, to add to its end; what was written is on disk when the block ends well."""
        with self.path.open("ab", buffering=0) as handle:
            yield handle
            os.fsync(handle.fileno())

    def drop(self) -> None:
        """Forget what came."""
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)
        self.size, self.record = 0, None

    def test(self, sha256: str | None) -> None:
        """Raises ArchiveError where the part is no sound zip of CMS's, or not the one whose hash is known."""
        hashed = hashlib.sha256()
        with self.path.open("rb") as handle:
            while block := handle.read(1 << 20):
                hashed.update(block)
        self.sha256 = hashed.hexdigest()
        try:
            if not zipfile.is_zipfile(self.path):
                members(self.path)  # tells a page from a file that was cut
                raise ArchiveError(f"{self.path.name} is not a zip file, or was cut short.")
            _refuse_bomb(self.path)
            members(self.path)  # reads every file inside against its CRC, and refuses names that lead outside
        except ArchiveError as error:
            raise ArchiveError(str(error).replace(self.path.name, self.target.name)) from error
        if sha256 is not None and sha256 != self.sha256:
            raise ArchiveError(
                f"{self.target.name} is not the file that feecalc knows by that address: its SHA-256 is {self.sha256}, "
                f"not {sha256}. If CMS has posted another one, take it with --accept-changed: every other check still holds."
            )

    def become(self, target: Path) -> None:
        """Give the whole file its name. Where this is cut short, the hash in the record tells that file and record differ.

        An older posting that bears the name is kept beside it, under a name with a piece of its own hash.
        """
        known = self.record or Record("")
        older = Record.read(_notes(target))
        if older is not None and older.sha256 not in {"", self.sha256} and _sha256(target) == older.sha256:
            os.replace(target, target.with_name(f"{target.stem}-{older.sha256[:12]}{target.suffix}"))
        Record(known.url, known.etag, known.modified, self.size, self.sha256).write(_notes(target))
        os.replace(self.path, target)
        self.notes.unlink(missing_ok=True)


def write(handle: BinaryIO, chunk: bytes) -> None:
    """Write all of a chunk; an unbuffered file may take less of it at a time."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[handle.write(rest) or 0 :]


def _sweep(folder: Path) -> None:
    """Remove the records that a process left half-written when it was killed; in a locked folder nobody is writing one."""
    for stray in folder.glob(".*.json"):
        stray.unlink(missing_ok=True)


def _notes(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _held(target: Path, url: str) -> Record | None:
    """The record of a whole file that lies there; None where it is not the file that the record describes."""
    record = Record.read(_notes(target))
    if record is None or record.url != url or not record.sha256:
        return None
    return record if _sha256(target) == record.sha256 else None


def _sha256(file: Path) -> str:
    """The hash of a file; "" where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _as_it_comes(response: requests.Response) -> Iterator[bytes]:
    """A body in pieces, each as soon as it is here: a connection that is cut costs none of the bytes that came.

    `iter_content` waits for a whole piece, and what came of the last one is lost with the connection.
    """
    while chunk := response.raw.read1(CHUNK, decode_content=True):
        yield chunk


def _headers(held: Record | None, have: int, part: Record | None) -> dict[str, str]:
    """What a request says of what is here already: resume a part, else fetch only what has changed."""
    if have and part is not None:
        return {"Range": f"bytes={have}-", "If-Range": part.validator}
    if held is None:
        return {}
    conditions = {"If-None-Match": held.etag, "If-Modified-Since": held.modified}
    return {name: value for name, value in conditions.items() if value}


def _marks(response: requests.Response) -> tuple[str, str]:
    return response.headers.get("etag", ""), response.headers.get("last-modified", "")


def _record(url: str, response: requests.Response) -> Record:
    """What is known of a body from its beginning. One that was packed for the way has neither marks nor length of its own."""
    if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        return Record(url)
    return Record(url, *_marks(response), _length(response))


def _length(response: requests.Response) -> int | None:
    said = response.headers.get("content-length", "")
    return int(said) if said.isdigit() else None


def _total_of_range(response: requests.Response) -> int | None:
    ranged = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("content-range", "").strip())
    return int(ranged.group(1)) if ranged else None


def _is_page(response: requests.Response) -> bool:
    return "html" in response.headers.get("content-type", "").lower()


def _refuse_size(size: int, part: _Part) -> None:
    if size > LARGEST_FILE:
        part.drop()
        limit = f"larger than {LARGEST_FILE // 1_000_000} MB"
        raise ArchiveError(f"{part.target.name} is {limit}: it is no file of CMS's. Nothing was kept.")


def _refuse_bomb(path: Path) -> None:
    """Refuse a zip of very many files, or of files that unpack to very much more than they are. Sizes are as declared;
    what is declared too small fails when it is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise ArchiveError(f"{path.name} is damaged or was cut short. Download it again.") from error
    if len(entries) > MOST_MEMBERS:
        raise ArchiveError(f"{path.name} holds {len(entries):,} files: it is no CMS download. Nothing was read.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > STEEPEST * max(path.stat().st_size, 1):
        raise ArchiveError(
            f"{path.name} would unpack to {unpacked:,} bytes from {path.stat().st_size:,}: it is no CMS download."
        )


def _refuse_full_disk(needed: int, part: _Part) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if needed > free:
        raise _told(OSError(errno.ENOSPC, "No space left on device", str(part.path)), part)


def _told(error: OSError, part: _Part) -> OSError | FullDiskError:
    """A full disk in plain words, the part removed to give its room back; any other error as it is."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return error
    size = part.record.total if part.record else None
    part.drop()
    needs = f" It needs {max(size / 1e6, 0.1):,.1f} MB." if size else ""
    return FullDiskError(f"The disk is full: {part.target} was not written.{needs} Make room and run it again.")


def _nobody_there(error: requests.RequestException) -> bool:
    """Whether no connection could be made at all, so that other addresses of the server need not be tried."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(cause, NewConnectionError | ConnectTimeoutError)


def _reason(error: BaseException) -> str:
    """The innermost cause of a failed request, in its own words."""
    inner: Any = error
    for _ in range(6):
        deeper = getattr(inner, "reason", None) or next(
            (a for a in getattr(inner, "args", ()) if isinstance(a, BaseException)), None
        )
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = re.sub(r"^<?[\w.]+(\(.*?\))?( object at 0x\w+)?>?: ", "", str(inner))
    return text.rstrip(".") or type(inner).__name__
