"""The delimiters of an interchange: what its ISA says, checked against the segments that follow, and found there without one.

The 835 repeats no element, so that the repetition separator (ISA11) parts nothing and stays a letter like any other.
"""

import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

SAMPLE = 1 << 13  # bytes that are looked at
_IDS = rb"GS|ST|BPR|TRN|REF|DTM|N1|N3|N4|PER|LX|TS3|CLP|CAS|NM1|MOA|SVC|AMT|LQ|PLB|SE|GE|IEA"
_BEGIN = re.compile(rb"([^\w\s]|\n|\r)\s*(?:" + _IDS + rb")([^\w\s])", re.IGNORECASE)
USUAL_COMPONENTS = b":>^<\\|"
_QUALIFIERS = rb"(?:HC|AD|ER|HP|IV|N4|N6|NU|UI|WK)"


class Delimiters(NamedTuple):
    """Three bytes. A line end as terminator is `\\n` or `\\r`; line ends are noise where it is another."""

    element: bytes
    component: bytes
    terminator: bytes

    @property
    def usable(self) -> bool:
        """Whether they are three different signs, none of which stands in words or numbers."""
        return len(set(self)) == 3 and not any(sign.isalnum() or sign in (b" ", b".", b"-", b"") for sign in self)


def declared(data: bytes, at: int) -> Delimiters | None:
    """The delimiters of the ISA that begins at a place; None where what stands there is none."""
    window = data[at : at + 512]
    if window[:3].upper() != b"ISA":
        return None
    sign = window[3:4]
    parts = window.split(sign, 16) if sign else []
    if len(parts) == 17 and re.search(rb"[\r\n]", b"".join(parts[:16])):  # wrapped at a width of 80, say
        parts = re.sub(rb"[\r\n]", b"", window).split(sign, 16)
    if len(parts) < 17 or sum(map(len, parts[:16])) > 140 or len(parts[16]) < 2:
        return None
    component, rest = parts[16][:1], parts[16][1:]
    found = Delimiters(sign, component, b"\n" if rest.startswith(b"\r\n") else rest[:1])
    return found if found.usable else None


def behind_isa(data: bytes, at: int, said: Delimiters, used: Delimiters) -> int:
    """Where the ISA that begins at a place ends by its elements, whatever terminator it names: behind ISA16 and that sign."""
    for _ in range(16):
        at = data.index(said.element, at) + 1
    for sign in (said.component, said.terminator):
        if data[at : at + 1] == sign != used.terminator:
            at += 1
    return at


def inferred(sample: bytes) -> Delimiters | None:
    """The delimiters that segments of an 835 stand between; None where there are none."""
    counts = Counter(_BEGIN.findall(sample))
    if not counts:
        return None
    (terminator, element), times = counts.most_common(1)[0]
    if times < 2:
        return None
    found = Delimiters(element, _component(sample, element) or (b":" if element != b":" else b">"), terminator)
    return found if found.usable else None


def fitting(data: bytes, at: int, said: Delimiters | None) -> tuple[Delimiters | None, str]:
    """The delimiters of the data that begin at a place, and what is to be told of them ("" nothing); None where it is no X12.

    `said` is what the ISA there says.
    """
    sample = data[at : at + SAMPLE]
    if said is not None and said.terminator in b"\r\n":
        found = inferred(sample)
        if found is not None and found.terminator == said.component:  # without ISA16, what is taken for it is the terminator
            return found, "the ISA names no component separator (ISA16); that of the procedures was taken"
        if found is not None and found.terminator not in b"\r\n" and _fits(sample, found):  # every line ends in another sign
            return found, "the ISA has lost its terminator; that of the segments after it was taken"
    if said is not None and _fits(sample, said):
        used = _component(sample, said.element)
        if used and used != said.component and said._replace(component=used).usable:
            told = "ISA16 names another component separator than the procedures use; theirs was taken"
            return said._replace(component=used), told
        return said, ""
    found = inferred(sample)
    if found is None or not _fits(sample, found):
        return said, ""
    if said is None:
        return found, "the interchange has no readable ISA; the delimiters were taken from the segments"
    return found, "the delimiters of the ISA are not those of the segments after it; theirs were taken"


def _fits(sample: bytes, delimiters: Delimiters) -> bool:
    """Whether there are segments, most of which begin with an id and have elements. One alone may be the whole sample."""
    segments = [part for part in sample.split(delimiters.terminator, 30)[:30] if part.strip()]
    fitting = sum(map(bool, map(_begins(delimiters.element).match, segments)))
    return fitting > 2 and 2 * fitting > len(segments)


@lru_cache(maxsize=64)
def _begins(element: bytes) -> re.Pattern[bytes]:
    """How a segment begins."""
    return re.compile(rb"\s*[A-Za-z][A-Za-z0-9]{1,2}" + re.escape(element))


@lru_cache(maxsize=64)
def _procedures(element: bytes) -> re.Pattern[bytes]:
    """How a service line begins, with the sign after the qualifier of its procedure."""
    return re.compile(rb"SVC" + re.escape(element) + _QUALIFIERS + rb"([^\w\s])", re.IGNORECASE)


def _component(sample: bytes, element: bytes) -> bytes | None:
    """The sign after the qualifier of procedures; None where there is no procedure, or where one alone has an unusual sign."""
    found = Counter(sign for sign in _procedures(element).findall(sample) if sign != element)
    sign, times = found.most_common(1)[0] if found else (b"", 0)
    return sign if times > 1 or (times and sign in USUAL_COMPONENTS) else None


# What the rest of the reader sees, whatever the file has. Line ends and other control characters are left out of the data.
ELEMENT, COMPONENT, TERMINATOR = "\x1d", "\x1f", "\x1e"


def canonical(data: bytes, delimiters: Delimiters) -> bytes:
    """Data with the delimiters of the reader in place of its own."""
    return data.translate(*_tables(delimiters))


@lru_cache(maxsize=64)
def _tables(delimiters: Delimiters) -> tuple[bytes, bytes]:
    """A translation of bytes, and the bytes that are left out."""
    to = dict(zip(delimiters, (ELEMENT, COMPONENT, TERMINATOR), strict=True))
    table = bytes(ord(to[sign]) if (sign := bytes([n])) in to else n for n in range(256))
    return table, bytes(n for n in (*range(32), 127) if bytes([n]) not in to)
