"""What CMS's files look like: the layouts in `layouts/*.toml`, one for each kind of file.

They are data so that a column or a letter that CMS adds next year is an edit of a few lines by hand.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from feecalc.errors import LayoutError

TYPES = {
    "base_code", "code", "digits", "flag", "ignored", "indicator", "locality", "mac", "modifier", "number", "state", "text",
}  # fmt: skip
PLACEHOLDERS = {"<year>": r"\d{4}", "<number>": r"\d+(?:\.\d+)?", "<text>": r".*"}


@dataclass(frozen=True)
class Column:
    """One column of a layout. `width` pads digits with zeros; `least` and `most` bound the scaled number."""

    name: str
    type: str
    header: tuple[str, ...] = ()
    txt: tuple[int, int] | None = None
    allowed: tuple[str, ...] = ()
    decimals: int = 0
    implied: bool = False
    least: int | None = None
    most: int | None = None
    width: int = 0
    since: int = 0
    until: int = 9999
    optional: bool = False

    @property
    def shown(self) -> str:
        """The column's heading about as a person sees it in CMS's file; the name where the file has no headings."""
        if not self.header:
            return self.name
        return re.sub(r"<(number|text)>", "…", self.header[0].replace("<year> ", ""))

    def matches(self, heading: str) -> bool:
        """Whether CMS prints `heading` above this column, blanks, case and asterisks apart."""
        return any(_pattern(h).fullmatch(_plain(heading)) for h in self.header)


@dataclass(frozen=True)
class Layout:
    """The layout of one kind of file. `file` names the toml that a person edits when CMS changes something."""

    kind: str
    file: str
    member: re.Pattern[str]
    signature: re.Pattern[str]
    columns: tuple[Column, ...]
    txt_years: tuple[int, int]
    txt_length: int | None
    txt_skip: re.Pattern[str] | None
    trailer: str

    def named(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


@cache
def layout(kind: str) -> Layout:
    """The layout of `kind`: "pprrvu", "gpci", … Raises LayoutError where an edit of its file went wrong."""
    file = f"feecalc/cms/layouts/{kind}.toml"
    try:
        toml = tomllib.loads((files("feecalc.cms") / "layouts" / f"{kind}.toml").read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(f"{file} is not valid TOML: {error}. Undo the last edit or mend it.") from error
    txt = toml.get("txt", {})
    columns = [
        Column(
            name=c["name"],
            type=c["type"],
            header=tuple(c.get("header", ())),
            txt=(c["txt"][0], c["txt"][1]) if "txt" in c else None,
            allowed=tuple(c.get("allowed", ())),
            decimals=c.get("decimals", 0),
            implied=c.get("implied", False),
            least=c.get("least"),
            most=c.get("most"),
            width=c.get("width", 0),
            since=c.get("from", 0),
            until=c.get("until", 9999),
            optional=c.get("optional", False),
        )
        for c in toml["column"]
    ]
    for c in columns:
        if c.type not in TYPES:
            raise LayoutError(f"{file}: the column {c.name} has the type {c.type!r}. Types are {', '.join(sorted(TYPES))}.")
    return Layout(
        kind=kind,
        file=file,
        member=re.compile("|".join(toml["member"]), re.IGNORECASE),
        signature=re.compile(toml["signature"]),
        columns=tuple(columns),
        txt_years=(txt["years"][0], txt["years"][1]) if txt else (0, 0),
        txt_length=txt.get("length"),
        txt_skip=re.compile(txt["skip"]) if "skip" in txt else None,
        trailer=toml.get("trailer", ""),
    )


@cache
def _pattern(header: str) -> re.Pattern[str]:
    parts = re.split(r"(<year>|<number>|<text>)", header)
    return re.compile("".join(PLACEHOLDERS.get(p) or re.escape(_joined(p)) for p in parts).strip(), re.IGNORECASE)


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _plain(heading: str) -> str:
    return _joined(heading).replace("*", "").strip()
