"""Segments as rows of a frame: which kind each is, and which claim and service line it belongs to.

The segments of a batch are looked at column by column, never one by one: a file of millions of them has some thirty kinds.
"""

import codecs
from dataclasses import dataclass
from enum import IntEnum

import polars as pl

from feecalc.analysis.remittance.delimiters import ELEMENT, TERMINATOR
from feecalc.analysis.remittance.sources import BEGIN, END, TOLD
from feecalc.analysis.remittance.values import plain


class Kind(IntEnum):
    """The kinds of segments. LOST begins what belongs to a claim whose CLP cannot be read."""

    UNKNOWN = 0
    OWN_BEGIN = 1
    OWN_END = 2
    OWN_TOLD = 3
    LOST = 4
    ISA = 5
    GS = 6
    ST = 7
    BPR = 8
    TRN = 9
    N1 = 10
    REF = 11
    DTM = 12
    CLP = 13
    CAS = 14
    NM1 = 15
    MIA = 16
    MOA = 17
    AMT = 18
    QTY = 19
    SVC = 20
    LQ = 21
    PLB = 22
    SE = 23
    GE = 24
    IEA = 25
    OTHER = 26  # known, and nothing is read from it


_OTHER = ("LX", "TS3", "TS2", "NTE", "CUR", "N2", "N3", "N4", "PER", "RDM", "TA1")
_OWN = {BEGIN: Kind.OWN_BEGIN, END: Kind.OWN_END, TOLD: Kind.OWN_TOLD}
_BY_ID = {kind.name: kind for kind in Kind if kind >= Kind.ISA and kind != Kind.OTHER} | dict.fromkeys(_OTHER, Kind.OTHER)
# By the first four characters, which are the id and the sign after it; by three where the id has two.
_BY_FOUR = {f"{name}{ELEMENT}": kind for name, kind in _BY_ID.items() if len(name) == 3}
_BY_FOUR |= {name[:4]: kind for name, kind in _OWN.items()}
_BY_THREE = {f"{name}{ELEMENT}": kind for name, kind in _BY_ID.items() if len(name) == 2}

HEADER = (Kind.OWN_BEGIN, Kind.ISA, Kind.GS, Kind.ST, Kind.BPR, Kind.TRN)
TRAILER = (Kind.OWN_END, Kind.PLB, Kind.SE, Kind.GE, Kind.IEA)


OUTSIDE, OF_CLAIM, OF_LINE = range(3)  # where a segment stands: outside of claims, at a claim, at one of its lines


@dataclass(frozen=True)
class Segments:
    """The segments of a batch, blank ones left out. `frame`, one row each:

    at       its place in the batch
    segment  the number in its file; that of the last one before, for a segment of the reader's own
    kind     UInt8, a Kind
    text     with the reader's delimiters
    claim    place of its claim among those of the batch, null outside of claims
    line     place of its service line among those of the batch, null outside of lines
    level    OUTSIDE, OF_CLAIM or OF_LINE
    header   whether it stands between the beginning of a file, group or transaction and its first claim
    """

    frame: pl.DataFrame
    last: int  # the number of the last segment

    def of(self, kind: Kind, *levels: int) -> pl.DataFrame:
        """The segments of a kind at one level, or at claims and lines alike: at, segment, claim, line, text."""
        where = self.frame["kind"] == kind
        level = self.frame["level"]
        where &= level == levels[0] if levels else level != OUTSIDE
        return self.frame.select("at", "segment", "claim", "line", "text").filter(where)


def elements(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """The first elements of segments as e1, e2, … in place of their text; null where there is none."""
    parts = frame["text"].str.split_exact(ELEMENT, count).struct.unnest()
    return frame.drop("text").hstack(parts.select(pl.col(f"field_{n}").alias(f"e{n}") for n in range(1, count + 1)))


def qualified(frame: pl.DataFrame, kind: Kind, qualifier: str) -> pl.DataFrame:
    """The segments whose first element is a qualifier, with their second as `value`; null where it is blank.

    It stands behind a beginning that all of them share: to look for that is far cheaper than to part them.
    """
    begins = f"{kind.name}{ELEMENT}{qualifier}{ELEMENT}"
    found = frame.filter(frame["text"].str.starts_with(begins))
    value = found["text"].str.slice(len(begins))
    if value.str.contains(ELEMENT, literal=True).any():
        value = value.str.split_exact(ELEMENT, 1).struct.field("field_0")
    return found.drop("text").with_columns(value=value).with_columns(plain(pl.col("value")))


def read(data: bytes, segments_before: int) -> Segments:
    """The segments of a batch; `segments_before` are those of the same file in the batches before it."""
    text = _texts(data)
    kind = _kinds(text)
    if (kind == Kind.UNKNOWN).any():
        text, kind = _tidied(text, kind)
    frame = pl.DataFrame({"text": text, "kind": kind}).with_row_index("at").with_columns(pl.col("at").cast(pl.Int64))
    frame = _numbered(frame, segments_before)
    placed = _placed(frame)
    if lost := _lost_claims(placed):
        marks = pl.Series([False]).new_from_index(0, frame.height).scatter(lost, True)
        placed = _placed(frame.with_columns(lost=marks))
    last = segments_before if frame.is_empty() else int(frame["segment"][-1])
    return Segments(placed, last)


# Text ----------------------------------------------------------------------------------------------------------------------


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8, as letters of Latin-1."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("feecalc-latin-1", _as_latin_1)


def _texts(data: bytes) -> pl.Series:
    """The segments as text. A file may mix UTF-8 and Latin-1: it was joined from several."""
    if not data.isascii():
        data = data.decode("utf-8", "feecalc-latin-1").encode("utf-8")
    # The csv reader of polars is the fastest way to part text; no sign parts columns.
    read = pl.read_csv(
        data, separator="\x1c", eol_char=TERMINATOR, has_header=False, quote_char=None, schema={"text": pl.String}
    )
    return read["text"].drop_nulls()


def _kinds(text: pl.Series) -> pl.Series:
    """The kind of each segment by its first characters."""
    four = text.str.head(4)
    kind = four.replace_strict(_BY_FOUR, default=None, return_dtype=pl.UInt8)
    if not kind.has_nulls():
        return kind.alias("kind")
    left = kind.is_null()
    three = text.filter(left).str.head(3).replace_strict(_BY_THREE, default=int(Kind.UNKNOWN), return_dtype=pl.UInt8)
    return kind.scatter(left.arg_true(), three).alias("kind")


def _tidied(text: pl.Series, kind: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Segments without blanks before them and with ids in capital letters; blank ones are left out."""
    unknown = (kind == Kind.UNKNOWN).arg_true()
    bare = text.gather(unknown).str.strip_chars()
    names = bare.str.splitn(ELEMENT, 2).struct.unnest()
    capital = pl.select(
        pl.concat_str(names["field_0"].str.strip_chars().str.to_uppercase(), names["field_1"].fill_null(""), separator=ELEMENT)
    ).to_series()
    text = text.scatter(unknown, capital)
    kind = kind.scatter(unknown, _kinds(capital))
    blank = pl.Series([False]).new_from_index(0, text.len()).scatter(unknown, bare == "")
    return text.filter(~blank), kind.filter(~blank)


# Places --------------------------------------------------------------------------------------------------------------------


def _numbered(frame: pl.DataFrame, before: int) -> pl.DataFrame:
    """With `segment`, counted from 1 in each file; segments of the reader's own count nothing."""
    counted = pl.col("kind").is_between(Kind.OWN_BEGIN, Kind.OWN_TOLD).not_().cum_sum().cast(pl.Int64)
    begun = pl.when(pl.col("kind") == Kind.OWN_BEGIN).then(pl.col("counted")).forward_fill().fill_null(-before)
    return frame.with_columns(counted=counted).with_columns(segment=pl.col("counted") - begun).drop("counted")


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    """With `claim`, `line` and `header`."""
    kind = pl.col("kind")
    lost = pl.col("lost") if "lost" in frame.columns else pl.lit(False)
    begins_claim, begins_line = kind == Kind.CLP, kind == Kind.SVC
    opens_header = kind.is_in([int(one) for one in HEADER])
    ends_claim = opens_header | kind.is_in([int(one) for one in TRAILER]) | lost
    place = pl.when(begins_claim).then(2).when(opens_header).then(1).when(ends_claim).then(0)
    frame = frame.with_columns(
        place=place.cast(pl.Int8).forward_fill().fill_null(0),
        in_line=pl.when(begins_line).then(True).when(begins_claim | ends_claim).then(False).forward_fill(),
    )
    in_claim, in_line = pl.col("place") == 2, pl.col("in_line")
    frame = frame.with_columns(
        claim=pl.when(in_claim).then(begins_claim.cum_sum().cast(pl.Int64) - 1),
        line=pl.when(in_claim & in_line).then((begins_line & in_claim).cum_sum().cast(pl.Int64) - 1),
        level=pl.when(~in_claim).then(OUTSIDE).when(in_line).then(OF_LINE).otherwise(OF_CLAIM).cast(pl.UInt8),
        header=pl.col("place") == 1,
    )
    return frame.drop("place", "in_line", "lost", strict=False)


def _lost_claims(frame: pl.DataFrame) -> list[int]:
    """Where claims begin whose CLP cannot be read, so that their lines are not given to the claim before.

    A name (NM1) stands in no service line, and a claim names its patient once: where one does, a CLP is missing. So it is
    where another name stands a second time, behind an unreadable segment. An unreadable segment, or adjustments (CAS) after
    what they never follow, just before the name belong to the lost claim.
    """
    names = frame.filter(pl.col("kind") == Kind.NM1, pl.col("level") != OUTSIDE)
    if names.is_empty():
        return []
    again = names.with_columns(who=pl.col("text").str.slice(len(f"NM1{ELEMENT}"), 2))
    again = again.filter(pl.struct("claim", "who").is_first_distinct().not_())
    in_line = names.filter(pl.col("line").is_not_null()).unique("line", keep="first", maintain_order=True)["at"]
    sure = {*again.filter(pl.col("who") == "QC")["at"], *in_line}
    found = sorted({*sure, *again["at"]})
    if not found:
        return []
    kinds = frame["kind"].to_list()
    starts = []
    for at in found:
        start = at
        while kinds[start - 1] in (Kind.CAS, Kind.UNKNOWN):
            start -= 1
        unknown = [place for place in range(start, at) if kinds[place] == Kind.UNKNOWN]
        if unknown:
            start = unknown[0]
        elif at not in sure:
            continue
        elif kinds[start - 1] in (Kind.SVC, Kind.DTM):  # the adjustments may be those of the line
            start = at
        starts.append(start)
    return starts
