"""CMS's own files: what exists, since when each is in force, and where CMS publishes it. The list is catalogue.toml."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("catalogue.toml")

# The kinds that a refresh brings into a store, in the order in which it does; payment amounts are what it checks with.
PRICING = ("release", "zip_locality")
EDITS = ("ncci_ptp", "ncci_mue", "ncci_addon")
ORACLE = "payment_amounts"


@dataclass(frozen=True)
class Entry:
    """One file of CMS's, or the parts of one.

    `name` is the release ("2026D", of payment amounts the release that they belong to), the quarter of an NCCI table
    ("2026Q4") or the first day of a ZIP-to-locality file; `effective` its first day, None where nothing but the file tells.
    `addresses` are paths below CMS's base address, the first to be tried first; of a file in `parts` all are wanted.
    `sha256` is by address, `member_sha256` by name inside.
    """

    kind: str
    name: str
    effective: date | None
    addresses: tuple[str, ...]
    parts: bool = False
    members: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)
    member_sha256: Mapping[str, str] = field(default_factory=dict)
    standing: str = "secondary"
    source: str = ""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return {
            "release": f"release {self.name}",
            "zip_locality": f"ZIP file {self.name}",
            "payment_amounts": f"payment amounts {self.name}",
            "ncci_ptp": f"NCCI pairs {self.name}",
            "ncci_mue": f"NCCI unit limits {self.name}",
            "ncci_addon": f"NCCI add-on codes {self.name}",
        }.get(self.kind, f"{self.kind.replace('_', ' ')} {self.name}")


@dataclass(frozen=True)
class ListPage:
    """A page of CMS's that lists files. `detail` is the pattern of the links to a file's own page, "" where there is none."""

    kind: str
    address: str
    detail: str


@dataclass(frozen=True)
class Terms:
    """What a person accepts before a download."""

    version: str
    page: str
    text: str


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@cache
def known() -> tuple[Entry, ...]:
    """Every file of the catalogue, in its order."""
    source = _content()["source"]
    return tuple(
        Entry(
            kind=one["kind"],
            name=one["name"],
            effective=one["effective"],
            addresses=tuple(one["addresses"]),
            parts=one.get("parts", False),
            members=tuple(one.get("members", ())),
            sha256={one["addresses"][0]: one["sha256"]} if "sha256" in one else {},
            member_sha256=one.get("member_sha256", {}),
            standing=one["standing"],
            source=one.get("source", source),
        )
        for one in _content()["file"]
    )


def first_year() -> int:
    """The first calendar year of which feecalc fetches releases; CMS's pages go back further."""
    return min(entry.effective.year for entry in known() if entry.kind == "release" and entry.effective)


def pages() -> list[ListPage]:
    """CMS's pages that list files."""
    return [ListPage(kind, page["address"], page.get("detail", "")) for page in _content()["page"] for kind in page["kinds"]]


def names() -> list[dict[str, str]]:
    """The patterns by which a name tells what a file is: `kind`, `pattern`, and `may_be` where its page may tell the rest."""
    return list(_content()["name"])


def rows_percent() -> int:
    """By how many percent a table's count of rows may differ from the release before it."""
    return int(_content()["bounds"]["rows_percent"])


@dataclass(frozen=True)
class CapPrices:
    """How many of CMS's own OPPS cap prices of a release are not the release's, and why."""

    different: int
    why: str


def why_caps_differ(release: str, checks: Mapping[str, Any]) -> str:
    """Why CMS's OPPS cap prices differ as a release's checks found them to; "" where they agree, or differ in another way."""
    caps, known = checks.get("opps_cap_prices"), cap_prices().get(release)
    return known.why if caps and known and caps["compared"] - caps["exact"] == known.different else ""


def cap_prices() -> dict[str, CapPrices]:
    """The releases with cap prices that are known to differ."""
    return {name: CapPrices(one["different"], one["why"]) for one in _content()["cap_prices"] for name in one["releases"]}


def terms() -> Terms:
    """What a person accepts before anything is downloaded."""
    found = _content()["terms"]
    return Terms(found["version"], found["page"], found["text"].strip())


def merged(known_entries: Iterable[Entry], found: Iterable[Entry]) -> list[Entry]:
    """The catalogue with what CMS's pages name today: found addresses are tried before known ones; new files are added."""
    entries = {(entry.kind, entry.name): entry for entry in known_entries}
    for entry in found:
        key = (entry.kind, entry.name)
        old = entries.get(key)
        if old is None:
            entries[key] = entry
        elif entry.parts:  # the parts of one version belong together: they are not mixed with those of another
            entries[key] = replace(old, addresses=entry.addresses)
        else:
            entries[key] = replace(old, addresses=tuple(dict.fromkeys([*entry.addresses, *old.addresses])))
    return sorted(entries.values(), key=lambda entry: (entry.effective or date.max, entry.name))
