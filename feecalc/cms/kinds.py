"""Recognising what a file of a download is, by its name and by its beginning."""

from enum import StrEnum

from feecalc.cms.archive import Member
from feecalc.cms.layout import layout
from feecalc.cms.tabular import read_xlsx, text_of

READABLE = {"csv", "txt", "xlsx", "parquet"}
START = 4096  # bytes that bear the mark: CMS's captions and headings fit twice


class Kind(StrEnum):
    """A kind of CMS file. The value names its layout file."""

    PPRRVU = "pprrvu"
    GPCI = "gpci"
    ANESTHESIA = "anesthesia"
    OPPS_CAP = "opps_cap"
    LOCALITY_COUNTY = "locality_county"
    ZIP5 = "zip_locality"
    ZIP9 = "zip_locality_9"
    PAYMENT_AMOUNTS = "payment_amounts"
    NCCI_PTP = "ncci_ptp"
    NCCI_MUE = "ncci_mue"
    NCCI_ADDON = "ncci_addon"


def recognise(member: Member) -> Kind | None:
    """What a member is, or None for what feecalc does not read (PDF, Word, tables of another kind).

    The beginning of a text file decides where it bears the mark of one kind; otherwise the name does, so that a file
    whose heading changed is reported as changed rather than passed over. Patterns and marks are in the layout files.
    """
    if member.ending not in READABLE:
        return None
    by_name = next((kind for kind in Kind if layout(kind).member.search(member.base)), None)
    if member.ending == "parquet":  # a table that somebody republished: its bytes bear no mark
        return by_name
    if member.ending == "xlsx":
        # Opening a workbook costs as much as reading it, so its content is asked only where the name says nothing.
        return by_name or _by_content(_first_rows(member), None)
    return _by_content(text_of(member.read()[:START]), by_name)


def _by_content(start: str, by_name: Kind | None) -> Kind | None:
    marked = [kind for kind in Kind if layout(kind).signature.search(start)]
    return marked[0] if len(marked) == 1 else by_name


def _first_rows(member: Member) -> str:
    """The first rows of a workbook as csv lines, in which the marks of the layouts can be found."""
    rows = read_xlsx(member.read(), member.name).frame.head(20).rows()
    return "\n".join(",".join(row[1:]) for row in rows)
