"""Lists of codes as people write them: codes, spans (97110-97150), beginnings (971*), and parts of the code book by name."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from feecalc.analysis.mix import read_mix
from feecalc.errors import InputError

CODE = re.compile(r"[0-9]{4}[0-9A-Z]|[A-Z][0-9]{4}")  # CPT or HCPCS
DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
FEW = 6  # codes that a sentence names

# Parts of the code book by their numbers, in our words.
FAMILIES = {
    "physical-medicine": ("Physical medicine and rehabilitation", "97010-97799"),
    "speech-hearing": ("Speech, hearing and swallowing", "92502-92700"),
    "office-visits": ("Office visits", "99202-99215"),
    "visits": ("Visits and consultations, all places", "99202-99499"),
    "surgery": ("Surgery", "10004-69990"),
    "radiology": ("Radiology", "70010-79999"),
    "laboratory": ("Laboratory and pathology", "80047-89398"),
    "medicine": ("Medicine, other than visits", "90281-99199"),
    "psychiatry": ("Psychiatry and psychology", "90785-90899 96105-96171"),
    "manual": ("Acupuncture, osteopathic and chiropractic", "97810-97814 98925-98943"),
    "g-codes": ("Medicare's own G codes", "G*"),
}


@dataclass
class Parsed:
    """A list of codes as read."""

    codes: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def tidy(text: str) -> str:
    """Plain characters for full-width and other look-alikes, single blanks, ordinary hyphens, upper case."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(DASHES).split()).upper()


def parse(text: str, known: Collection[str]) -> Parsed:
    """Read codes, spans (97110-97150) and beginnings (971*) that are parted by blanks, commas or lines, against known codes."""
    read, unknown, unread, marks = Parsed(), [], [], []
    ordered = sorted(known)
    among = set(known)
    joined = re.sub(r"\s*[-–—]\s*(?=[0-9A-Z]{5}\b)", "-", tidy(text))
    for token in (one for one in re.split(r"[\s,;|]+", joined) if one):
        one = token.removesuffix(".0")  # a spreadsheet took the code for a number
        found: list[str] = []
        if CODE.fullmatch(one):
            found = [one] if one in among else []
        elif span := re.fullmatch(r"([0-9A-Z]{5})-([0-9A-Z]{5})", one):
            first, last = sorted(span.groups())
            found = [code for code in ordered if first <= code <= last]
        elif begins := re.fullmatch(r"([0-9A-Z]{1,4})\*", one):
            found = [code for code in ordered if code.startswith(begins[1])]
        elif marked := re.fullmatch(r"([0-9A-Z]{5})((?:-[0-9A-Z]{2})+)", one):
            found = [marked[1]] if marked[1] in among else []
            marks.append(one)
        else:
            unread.append(token)
            continue
        if not found:
            unknown.append(one)
        read.codes += found
    read.codes = list(dict.fromkeys(read.codes))
    if unread:
        read.told.append(f"Not read as codes: {_listed(unread)}. A code has five characters, such as 97110 or G0283.")
    if unknown:
        read.told.append(f"Not in the fee schedule: {_listed(unknown)}.")
    if marks:
        read.told.append(f"The modifiers of {_listed(marks)} were left out: every row of these codes is shown.")
    return read


@dataclass(frozen=True)
class Asked:
    """The codes that are asked for; None stands for all of them. `told` says what was left out, `words` what they are."""

    codes: tuple[str, ...] | None
    words: str = "all codes"
    told: tuple[str, ...] = ()


def asked(known: Collection[str], written: Sequence[str] = (), file: Path | None = None) -> Asked:
    """The codes of a command's options: written out, and listed in a file; all where there are neither.

    A text file is read as a list; a table (.csv, .xlsx, .parquet) by its column of codes. Raises InputError where none of them
    is a known code.
    """
    if not written and file is None:
        return Asked(None)
    found = parse(" ".join(written), known)
    if file is not None:
        listed = parse(" ".join(_in_file(file)), known)
        found = Parsed(list(dict.fromkeys([*found.codes, *listed.codes])), [*found.told, *listed.told])
    if not found.codes:
        raise InputError(" ".join(["No code of the list is in the fee schedule.", *found.told]))
    count = len(found.codes)
    words = ", ".join(found.codes) if count <= FEW else f"{count:,} listed codes"
    return Asked(tuple(found.codes), words, tuple(found.told))


def _in_file(file: Path) -> list[str]:
    """The codes of a file as it has them."""
    text = file.suffix.lower() in ("", ".txt", ".md")
    try:
        if not text:
            return list(read_mix(file).rows["hcpcs"].drop_nulls().unique(maintain_order=True))
    except InputError:
        if file.suffix.lower() != ".csv":  # a list of codes without a heading is a csv file too
            raise
    return [line.lstrip("\ufeff") for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8:,} more" if len(names) > 8 else shown
