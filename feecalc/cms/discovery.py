"""Finding files on CMS's own pages, whose names and dates change with every posting.

CMS lists the releases on one page; each has a page of its own with its download, sometimes behind the AMA's licence page.
What a name tells of a file stands in catalogue.toml. Nothing here touches the network: pages come through a function.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

from feecalc import policy
from feecalc.cms import catalogue
from feecalc.cms.catalogue import Entry
from feecalc.errors import FeecalcError

CMS_HOSTS = {"www.cms.gov", "cms.gov"}
QUARTER_STARTS = (1, 4, 7, 10)
MOST_LEAVES = 20  # of one listing: a pager that leads in circles, or on without end, is left there
POSTED = re.compile(r"(?:updated|posted|revised)[-_/ ]*(\d{1,2})[-_/]?(\d{2})[-_/]?(20\d{2})")


class DownloadError(FeecalcError):
    """A page or file that could not be had. The text says which, why, and what to do; nothing was changed."""


class UnreachableError(DownloadError):
    """Nobody answers at the address of the server: no other page or file of it can be had either."""


@dataclass(frozen=True)
class Link:
    """A link of a page: its whole address, and its text."""

    url: str
    text: str


@dataclass(frozen=True)
class Named:
    """What a name tells: the kind, the name of the entry, its first day, and of a part its version and number."""

    kind: str
    name: str
    effective: date | None
    version: str = ""
    part: int = 0


@dataclass
class Found:
    """What the pages name: entries with their addresses, the newest posting first, and what could not be read or placed."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Links(HTMLParser):
    """Collects the links of a page; whatever else is wrong with its HTML does not matter."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = url
        self.found: list[Link] = []
        self._open: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a link, or take over the page's own base address."""
        target = dict(attrs).get("href")
        if tag == "base" and target:
            self.base = urljoin(self.base, target.strip())
        elif tag == "a":
            self._finish()
            self._open = target.strip() if target else None

    def handle_data(self, data: str) -> None:
        """Keep the text of the link that is open."""
        if self._open is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a link."""
        if tag == "a":
            self._finish()

    def close(self) -> None:
        """End the last link, which a page cut short leaves open."""
        super().close()
        self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            with suppress(ValueError):  # an address that is none, such as http://[
                self.found.append(Link(urljoin(self.base, self._open), " ".join("".join(self._text).split())))
        self._open, self._text = None, []


def links(html: str, url: str) -> list[Link]:
    """Every link of a page with its whole address."""
    parser = _Links(url)
    parser.feed(html)
    parser.close()
    return parser.found


def unwrap(url: str) -> str:
    """The file behind a link to the licence page (…/license/ama?file=/files/zip/rvu26d.zip); any other address as it is."""
    for _ in range(3):
        parts = urlsplit(url)
        inside = parse_qs(parts.query).get("file", [""])[0].strip()
        if "license" not in parts.path.lower() or not inside:
            break
        url = urljoin(url, inside if inside.startswith(("/", "http")) else f"/{inside}")
    return url


def path_below(url: str, base: str) -> str | None:
    """The path of an address that lies below the base address or on cms.gov itself; None for a foreign one."""
    parts, own = urlsplit(url), urlsplit(base)
    if parts.scheme not in {"http", "https"} or not (parts.netloc == own.netloc or parts.hostname in CMS_HOSTS):
        return None
    prefix = own.path.rstrip("/")
    return parts.path.removeprefix(prefix) if parts.netloc == own.netloc and prefix else parts.path


def posted(address: str) -> date | None:
    """The date of posting that an address bears (rvu26d-updated-08-26-2026.zip), if any."""
    found = POSTED.search(address.lower())
    if found is None:
        return None
    month, day, year = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str] | None], ...]:
    return tuple(
        (one["kind"], re.compile(one["pattern"]), re.compile(one["may_be"]) if "may_be" in one else None)
        for one in catalogue.names()
    )


def name_of(address: str, text: str = "", page: str = "", kind: str | None = None) -> Named | None:
    """What an address, else the link's text, else its page's address tells of a file; None where none tells it."""
    tried = [(address, False), (text, False), (page, True)]
    for given, is_page in tried:
        for of_kind, pattern, may_be in _patterns():
            if kind not in {None, of_kind}:
                continue
            if is_page and not (may_be and may_be.search(address.lower())):
                continue
            if found := pattern.search(given.lower()):
                return _named(of_kind, found.groupdict(), address)
    return None


def _named(kind: str, told: dict[str, str | None], address: str) -> Named | None:
    if kind == "zip_locality":
        first = _next_quarter(posted(address))
        return Named(kind, first.isoformat() if first else "newest", first)
    year = 2000 + int(told["year"] or 0)
    if kind in {"release", catalogue.ORACLE}:
        letter = (told.get("letter") or _letter_of_month(told.get("month"))).upper()
        return Named(kind, f"{year}{letter}", dict(policy.known_releases(year)).get(f"{year}{letter}"))
    quarter = int(told.get("quarter") or 0) or (int(told.get("month") or 0) + 2) // 3
    if not 1 <= quarter <= 4:
        return None
    first = date(year, QUARTER_STARTS[quarter - 1], 1)
    return Named(kind, f"{year}Q{quarter}", first, told.get("version") or "", int(told.get("part") or 0))


def _letter_of_month(month: str | None) -> str:
    return next(letter for letter, (_, title) in policy.quarters().items() if title.lower().startswith(month or "?"))


def _next_quarter(day: date | None) -> date | None:
    """The first quarter that begins after a day: CMS posts a ZIP file in the middle of the quarter before its own."""
    if day is None:
        return None
    later = [month for month in QUARTER_STARTS if month > day.month]
    return date(day.year, later[0], 1) if later else date(day.year + 1, 1, 1)


def discover(
    read: Callable[[str], tuple[str, str]],
    base: str,
    kinds: Iterable[str],
    wanted: Callable[[str, str], bool] = lambda kind, name: True,
) -> Found:
    """What CMS's pages name of some kinds. `read` gives a page's address (after redirects) and text.

    Of the files that have a page of their own only those are opened that `wanted` (kind, name) asks for. A page that cannot
    be read, or in which nothing is found, becomes a note: the catalogue's own addresses remain. Raises UnreachableError
    where nobody answers.
    """
    kinds = set(kinds)
    result = Found()
    addresses: dict[Named, list[str]] = {}
    for page in catalogue.pages():
        if page.kind not in kinds:
            continue
        try:
            listed = _listed(read, base, page, wanted, result.notes)
        except UnreachableError:
            raise
        except FeecalcError as error:
            result.notes.append(f"CMS's page {page.address} could not be read: {error}")
            continue
        for named, address in listed:
            addresses.setdefault(named, []).append(address)
    result.entries = _entries(addresses, result.notes)
    return result


def _listed(
    read: Callable[[str], tuple[str, str]],
    base: str,
    page: catalogue.ListPage,
    wanted: Callable[[str, str], bool],
    notes: list[str],
) -> list[tuple[Named, str]]:
    """The wanted files of one listing page and of the pages that it points to, each with its path."""
    found: list[tuple[Named, str]] = []
    pages: dict[str, Named] = {}
    for url, html in _leaves(read, base, page.address, notes):
        found += _zips(html, url, base, page.kind)
        for link in links(html, url):
            path = path_below(link.url, base)
            if page.detail and path is not None and re.search(page.detail, path):
                named = name_of(path.rsplit("/", 1)[-1], link.text, kind=page.kind)
                if named is not None and int(named.name[:4]) >= catalogue.first_year():
                    pages.setdefault(path, named)
    if not found and not pages:
        notes.append(f"CMS's page {page.address} names no file that feecalc knows; it may have changed its form.")
    for path, named in pages.items():
        if wanted(named.kind, named.name):
            try:
                url, html = read(path)
                found += _zips(html, url, base, page.kind)
            except UnreachableError:
                raise
            except FeecalcError as error:
                notes.append(f"CMS's page {path} could not be read: {error}")
    return [(named, address) for named, address in found if wanted(named.kind, named.name)]


def _leaves(read: Callable[[str], tuple[str, str]], base: str, address: str, notes: list[str]) -> Iterator[tuple[str, str]]:
    """A listing and the further leaves of it to which its own pager leads (?page=1 and so on), each with its address.

    One that cannot be read becomes a note, but for the first.
    """
    url, html = read(address)
    yield url, html
    seen, waiting = {0}, _pager(html, url, base)
    while (number := min(waiting.keys() - seen, default=None)) is not None and len(seen) < MOST_LEAVES:
        seen.add(number)
        try:
            further, html = read(waiting[number])
        except UnreachableError:
            raise
        except FeecalcError as error:
            notes.append(f"CMS's page {waiting[number]} could not be read: {error}")
            continue
        yield further, html
        waiting |= _pager(html, url, base)


def _pager(html: str, listing: str, base: str) -> dict[int, str]:
    """The links of a listing that lead to other leaves of it: their paths with the query, by number."""
    own = path_below(listing, base)
    found = {}
    for link in links(html, listing):
        query = urlsplit(link.url).query
        number = parse_qs(query).get("page", [""])[0]
        if path_below(link.url, base) == own and number.isdecimal():
            found[int(number)] = f"{own}?{query}"
    return found


def _zips(html: str, url: str, base: str, kind: str) -> list[tuple[Named, str]]:
    """The zips that a page links to, licence pages unwrapped."""
    found = []
    for link in links(html, url):
        path = path_below(unwrap(link.url), base)
        if path is None or not path.lower().endswith(".zip"):
            continue
        named = name_of(path, link.text, url, kind)
        if named is not None:
            found.append((named, path))
    return found


def _entries(addresses: dict[Named, list[str]], notes: list[str]) -> list[Entry]:
    """One entry a file: the addresses by their date of posting, the newest first; of parts those of the newest version."""
    grouped: dict[tuple[str, str], list[tuple[Named, str]]] = {}
    for named, paths in addresses.items():
        if named.effective is None and named.kind in {"release", catalogue.ORACLE}:
            notes.append(
                f"CMS lists {named.name}, of which feecalc knows no first day: it is between quarters. "
                "Add it to policy/releases.toml with its date and conversion factor."
            )
            continue
        for path in paths:
            grouped.setdefault((named.kind, named.name), []).append((named, path))
    entries = []
    for (kind, name), group in grouped.items():
        parts = any(named.part for named, _ in group)
        if parts:
            newest = max(named.version for named, _ in group)
            numbered = {named.part: path for named, path in group if named.version == newest}
            ordered = [numbered[number] for number in sorted(numbered)]
        else:
            ordered = sorted(dict.fromkeys(path for _, path in group), key=lambda path: posted(path) or date.min, reverse=True)
        entries.append(
            Entry(kind, name, group[0][0].effective, tuple(ordered), parts, standing="secondary", source="CMS's own page")
        )
    return entries
