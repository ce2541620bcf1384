"""What changed between two releases, drawn: the sentence, the pictures, the tables with their files, the changelog."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import polars.selectors as cs
import streamlit as st

from feecalc import export, policy
from feecalc.analysis.change import IN_WORDS, LABELS
from feecalc.analysis.releases_compare import KEY, POINTS, Found, Question, compare
from feecalc.export import Sheet
from feecalc.money import FACTOR_SCALE, decimals, dollars, to_dollars
from feecalc.pricing.explain import decimal
from feecalc.ui import asked, practice_pictures, releases_pictures, releases_place, shell, words
from feecalc.ui.releases_codes import Chosen
from feecalc.ui.releases_pictures import Bin, Mover

LAZY = 1_000  # rows from which a table is sent as one scrolls
MOVERS = 6  # to each side of the picture
KINDS = {
    "up": "paid more",
    "down": "paid less",
    "same": "paid the same",
    "new": "new code",
    "gone": "code gone",
    "begins": "now with an amount",
    "ceases": "no longer with an amount",
    "unpaid": "without an amount in both",
}
__all__ = ["Question", "ask", "head", "pictures", "tables"]


# Shared between sessions and not copied: read it, do not change it.
@st.cache_resource(max_entries=12, show_spinner="Comparing the releases …")
def _ask(as_of: str, question: Question) -> Found:
    return compare(asked.schedule(), question)


@st.cache_resource(max_entries=12, show_spinner=False)
def _tables(as_of: str, question: Question) -> dict[str, pl.DataFrame]:
    found = _ask(as_of, question)
    codes = {**asked.codes(question.before), **asked.codes(question.after)}
    return {name: build(found, codes) for name, build in TABLES.items()}


def ask(question: Question) -> Found:
    """releases_compare.compare, kept. Errors as there."""
    return _ask(asked.stamp(), question)


# In sight at once ----------------------------------------------------------------------------------------------------------


def head(found: Found, question: Question, chosen: Chosen) -> None:
    """The answer in a sentence, its parts in numbers, the factor, and the release."""
    st.markdown(f"#### {words.md(headline(found, question, chosen))}")
    if said := beside(found):
        st.markdown(words.md(said))
    st.markdown(words.md(factor_line(found, question)), help=words.term("cf"))
    for text in chosen.told:
        st.caption(f":material/edit_note: {words.md(text)}")
    schedule = asked.schedule().schedule
    release = schedule.release(question.after)
    shell.release_line(release, release.name, decimal(found.factors[1], FACTOR_SCALE))


def headline(found: Found, question: Question, chosen: Chosen) -> str:
    """What changed, in a sentence: how many amounts rose and fell, and the middle one."""
    counts, both = found.counts, found.both.height
    setting = {"nonfacility": "in the office", "facility": "in a facility"}[question.setting]
    where = f"{releases_place.said(question.place)}, {setting}"
    span = f"From {question.before} to {question.after}"
    if not both:
        return f"{span} no amount of {chosen.words} can be compared {where}."
    up, down = counts.get("up", 0), counts.get("down", 0)
    median = found.median or 0
    middle = "does not move" if median == 0 else f"{'rises' if median > 0 else 'falls'} by {_percent(abs(median))} %"
    amounts = "the one amount" if both == 1 else f"{both:,} amounts"
    return (
        f"{span} Medicare pays more for {up:,} and less for {down:,} of {amounts} of {chosen.words} {where}; the middle one"
        f" {middle}."
    )


def beside(found: Found) -> str:
    """What came and went, in a sentence; blank where nothing did."""
    counts = found.counts
    said = [
        (counts.get("new", 0), "code is new", "codes are new"),
        (counts.get("gone", 0), "code is gone", "codes are gone"),
        (counts.get("begins", 0), "has an amount for the first time", "have an amount for the first time"),
        (counts.get("ceases", 0), "has none any more", "have none any more"),
    ]
    parts = [f"{count:,} {one if count == 1 else many}" for count, one, many in said if count]
    return f"{', '.join(parts)}. Each modifier of a code counts for itself." if parts else ""


def factor_line(found: Found, question: Question) -> str:
    """The conversion factor of both sides."""
    before, after = (words.factor(decimal(number, FACTOR_SCALE)) for number in found.factors)
    who = " for Qualifying APM Participants" if question.qp else ""
    if found.factors[0] == found.factors[1]:
        return f"The conversion factor{who} is ${after} in both."
    step = 1000 * (found.factors[1] - found.factors[0])
    tenths = (2 * abs(step) + found.factors[0]) // (2 * found.factors[0])
    return f"The conversion factor{who} goes from ${before} to ${after} ({'+' if step > 0 else '−'}{_percent(tenths)} %)."


def _percent(tenths: int) -> str:
    return f"{tenths // 10:,}.{tenths % 10}"


def _signed(tenths: int) -> str:
    sign = "▲ +" if tenths > 0 else "▼ −" if tenths < 0 else ""
    return f"{sign}{_percent(abs(tenths))} %"


# Pictures ------------------------------------------------------------------------------------------------------------------


def pictures(found: Found, question: Question) -> None:
    """How the changes are spread, what made them, and the codes that moved most."""
    if found.both.is_empty():
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("How amounts moved", anchor=False)
        bins = [Bin(_between(low, high), _side(low, high), count) for low, high, count in found.distribution()]
        up, down, same = (found.counts.get(kind, 0) for kind in ("up", "down", "same"))
        said = f"{up:,} amounts rose, {down:,} fell, {same:,} stayed."
        releases_pictures.distribution(bins, "amounts", said, "picture-distribution")
        st.caption(said)
    with right:
        st.subheader("What made the changes", anchor=False, help=words.term("change_causes"))
        _causes(found)
    st.subheader("The codes that moved most", anchor=False)
    by = st.segmented_control(
        "By", ["percent", "dollars"], key="changes_movers", default="percent", required=True, label_visibility="collapsed"
    )
    _movers(found, "change" if by == "dollars" else "tenths", asked.codes(question.after))


def _causes(found: Found) -> None:
    steps = [(LABELS[cause], cents) for cause, cents in found.causes.items()]
    total = sum(cents for _, cents in steps)
    if not steps:
        st.caption("Nothing moved.")
        return
    largest = max(found.causes, key=lambda cause: abs(found.causes[cause]))
    said = (
        f"One unit of each of these codes together: {practice_pictures.change(total)}; the largest part is"
        f" {IN_WORDS[largest]} ({practice_pictures.change(found.causes[largest])})."
    )
    practice_pictures.causes(steps, total, said, "picture-changes-causes")
    st.caption(words.md(said))


def _movers(found: Found, by: str, codes: dict[str, str]) -> None:
    rows = found.movers(MOVERS, by)
    if rows.is_empty():
        st.caption("No amount moved.")
        return
    bars = []
    for row in rows.iter_rows(named=True):
        name = "-".join(filter(None, (row["hcpcs"], row["modifier"])))
        label = codes.get(row["hcpcs"], "")
        fell_or_rose = practice_pictures.change(row["change"])
        text = _signed(row["tenths"]) if by == "tenths" else fell_or_rose
        tip = f"{words.money(to_dollars(row['paid_0']))} to {words.money(to_dollars(row['paid_1']))}"
        length = row[by] / (10 if by == "tenths" else 100)
        bars.append(Mover(words.code(name, label), length, text, tip))
    title = "percent" if by == "tenths" else "dollars a unit"
    said = f"Most up: {bars[0].label} {bars[0].text}. Most down: {bars[-1].label} {bars[-1].text}."
    releases_pictures.movers(bars, title, said, "picture-movers")


def _between(low: int | None, high: int | None) -> str:
    if low == high:
        return "no change"
    if low is None:
        return f"below {_short(high)} %"
    if high is None:
        return f"above {_short(low)} %"
    return f"{_short(low)} to {_short(high)} %"


def _short(tenths: int | None) -> str:
    number = tenths or 0
    sign = "+" if number > 0 else "−" if number < 0 else ""
    return f"{sign}{abs(number) // 10}"


def _side(low: int | None, high: int | None) -> str:
    if low == high:
        return "same"
    return "fall" if high is not None and high <= 0 else "rise"


# Tables --------------------------------------------------------------------------------------------------------------------

COLUMNS: dict[str, Any] = {
    "code": st.column_config.TextColumn("Code", help=words.term("code")),
    "words": st.column_config.TextColumn("In words"),
    "what": st.column_config.TextColumn("What"),
    "before": st.column_config.NumberColumn("Before, $", format="dollar"),
    "after": st.column_config.NumberColumn("After, $", format="dollar"),
    "change": st.column_config.NumberColumn("Change, $", format="dollar"),
    "percent": st.column_config.NumberColumn("Change, %", format="%.1f"),
    "cause": st.column_config.TextColumn("Mostly by"),
    "status_before": st.column_config.TextColumn("Status before", help=words.term("status")),
    "status_after": st.column_config.TextColumn("after"),
    **{
        f"{part}_{when}": st.column_config.NumberColumn(
            f"{words.PART_SHORT[part].capitalize() if part == 'work' else words.PART_SHORT[part]} RVU {when}", format="%.2f"
        )
        for part in POINTS
        for when in ("before", "after")
    },
    **{
        f"gpci_{part}_{when}": st.column_config.NumberColumn(f"{words.PART_SHORT[part]} GPCI {when}", format="%.3f")
        for part in POINTS
        for when in ("before", "after")
    },
    "indicator": st.column_config.TextColumn("Rule"),
    "value_before": st.column_config.TextColumn("CMS value before"),
    "value_after": st.column_config.TextColumn("after"),
    "meaning_before": st.column_config.TextColumn("In words before"),
    "meaning_after": st.column_config.TextColumn("after"),
    "locality": st.column_config.TextColumn("Locality", help=words.term("locality")),
    "name": st.column_config.TextColumn("Name"),
    "state": st.column_config.TextColumn("State"),
}


def _named(codes: dict[str, str]) -> list[pl.Expr]:
    code = pl.concat_str(
        pl.col("hcpcs"), pl.when(pl.col("modifier") != "").then("-" + pl.col("modifier")).otherwise(pl.lit(""))
    )
    return [code.alias("code"), pl.col("hcpcs").replace_strict(codes, default="", return_dtype=pl.String).alias("words")]


def amounts(found: Found, codes: dict[str, str]) -> pl.DataFrame:
    """Every row that is paid on both sides, the most moved first: code, words, dollars, percent, and its largest cause."""
    parts = [cause for cause in LABELS if cause in found.rows.columns]
    largest = pl.concat_list(pl.col(cause).abs() for cause in parts).list.arg_max()
    cause = largest.replace_strict(dict(enumerate(LABELS[cause] for cause in parts)), return_dtype=pl.String)
    return found.both.sort(pl.col("tenths").abs(), *KEY, descending=[True, False, False], nulls_last=True).select(
        *_named(codes),
        dollars(pl.col("paid_0")).alias("before"),
        dollars(pl.col("paid_1")).alias("after"),
        dollars(pl.col("change")).alias("change"),
        decimals(pl.col("tenths"), 1).alias("percent"),
        pl.when(pl.col("change") != 0).then(cause).alias("cause"),
    )


def comings(found: Found, codes: dict[str, str]) -> pl.DataFrame:
    """New and gone codes, and those that got or lost an amount, with status and amount of both sides."""
    return found.of("new", "gone", "begins", "ceases").select(
        *_named(codes),
        pl.col("kind").replace(KINDS).alias("what"),
        pl.col("status_0").alias("status_before"),
        pl.col("status_1").alias("status_after"),
        dollars(pl.col("paid_0")).alias("before"),
        dollars(pl.col("paid_1")).alias("after"),
    )


def points(found: Found, codes: dict[str, str]) -> pl.DataFrame:
    """The rows with other RVUs."""
    sides = [(part, side, when) for part in POINTS for side, when in (("0", "before"), ("1", "after"))]
    figures = [decimals(pl.col(f"{part}_{side}"), 2).alias(f"{part}_{when}") for part, side, when in sides]
    return found.points().select(*_named(codes), *figures)


def rules(found: Found, codes: dict[str, str]) -> pl.DataFrame:
    """Changed statuses and policy indicators, each value with its meaning."""
    indicators, statuses = policy.load("indicators"), policy.load("statuses")["status"]

    def meaning(name: str, value: str) -> str:
        if name == "status":
            return str(statuses.get(value, {}).get("name", "Not a known status"))
        return str(indicators[name].get(value.strip(), "Not given" if not value.strip() else "Not a known value"))

    titles = {
        name: "Status" if name == "status" else str(indicators[name]["title"]) for name in found.indicators()["indicator"]
    }
    frame = found.indicators()
    told = [
        (titles[name], meaning(name, before), meaning(name, after))
        for name, before, after in frame.select("indicator", "before", "after").iter_rows()
    ]
    said = pl.DataFrame(told, schema=dict.fromkeys(("title", "meaning_before", "meaning_after"), pl.String), orient="row")
    return frame.hstack(said).select(
        *_named(codes),
        pl.col("title").alias("indicator"),
        pl.col("before").alias("value_before"),
        pl.col("after").alias("value_after"),
        "meaning_before",
        "meaning_after",
    )


def places(found: Found, codes: dict[str, str]) -> pl.DataFrame:
    """The areas whose price indexes differ."""
    sides = [(part, side, when) for part in POINTS for side, when in (("0", "before"), ("1", "after"))]
    return found.places.select(
        (pl.col("mac") + "-" + pl.col("locality")).alias("locality"),
        "name",
        "state",
        *(decimals(pl.col(f"{part}_{side}"), 3).alias(f"gpci_{part}_{when}") for part, side, when in sides),
    )


TABLES: dict[str, Callable[[Found, dict[str, str]], pl.DataFrame]] = {
    "Amounts": amounts,
    "New and gone": comings,
    "Points (RVUs)": points,
    "Status and rules": rules,
    "Area indexes": places,
}


def tables(found: Found, question: Question, chosen: Chosen) -> None:
    """The tables in tabs, each with its files; then the changelog of all of them."""
    st.subheader("Tables and files", anchor=False)
    stem = file_stem(question)
    about = notes(found, question, chosen)
    built = _tables(asked.stamp(), question)
    # One table at a time: five of ten thousand rows would be sent with every answer.
    name = st.segmented_control(
        "Table",
        list(built),
        format_func=lambda one: f"{one} ({built[one].height:,})",
        key="changes_table",
        default="Amounts",
        required=True,
        label_visibility="collapsed",
    )
    table = built[name or "Amounts"]
    if table.is_empty():
        st.caption("Nothing of this kind changed.")
    else:
        shown = {column: COLUMNS[column] for column in table.columns}
        height = min(360, 40 + 35 * table.height)
        st.dataframe(
            # Excel and csv get the decimals; ten thousand of them take the page longer to send than all the rest of it.
            table.with_columns(cs.decimal().cast(pl.Float64)) if table.height > LAZY else table,
            hide_index=True,
            height=height,
            column_config=shown,
            placeholder="–",
            key="changes_rows",
            lazy=table.height > LAZY,
        )
        kind = (name or "Amounts").split(" ")[0].strip(",").lower()
        shell.downloads(f"{stem}-{kind}", partial(built.__getitem__, name or "Amounts"), about, f"changes_{kind}")
    with st.container(horizontal=True):
        _button("Changelog", partial(changelog, found, question, chosen, built), f"{stem}.md", "text/markdown", "article")
        _button("All tables, Excel", partial(book, found, question, chosen, built), f"{stem}.xlsx", shell.XLSX, "table")


def _button(label: str, build: Callable[[], bytes], file: str, mime: str, icon: str) -> None:
    st.download_button(
        label, build, file_name=file, mime=mime, key=f"changes_file_{icon}", on_click="ignore", icon=f":material/{icon}:"
    )


def file_stem(question: Question) -> str:
    """The beginning of every file's name."""
    return f"feecalc-changes-{question.before}-{question.after}-{question.place.key}"


def notes(found: Found, question: Question, chosen: Chosen) -> list[tuple[str, str]]:
    """What the tables rest on."""
    schedule = asked.schedule().schedule
    said = [
        ("Answer", headline(found, question, chosen)),
        ("Conversion factor", factor_line(found, question)),
        ("Place", str(question.place)),
        ("Setting", words.SETTINGS[question.setting]),
        ("Codes", chosen.words),
        ("Amounts", "one unit, dollars; the lower of the fee and the OPPS cap; before same-day rules and sequestration"),
    ]
    for name in (question.before, question.after):
        release = schedule.release(name)
        said.append(("Release", f"{name}, in force from {release.effective}"))
        said += [item for one in release.sources for item in (("Source file", one["file"]), ("sha256", one["sha256"]))]
    return said


def changelog(found: Found, question: Question, chosen: Chosen, built: Mapping[str, pl.DataFrame]) -> bytes:
    """All that changed as one text to read or to keep under version control (markdown)."""
    lines = [f"# Medicare fee schedule, {question.before} to {question.after}", "", headline(found, question, chosen)]
    lines += ["", *(text for text in (beside(found), factor_line(found, question)) if text)]
    for name, table in built.items():
        lines += ["", f"## {name}: {table.height:,} rows", ""]
        if not table.is_empty():
            heads = [head for head in table.columns if table[head].null_count() < table.height]
            lines += [_row(heads), _row(["---"] * len(heads))]
            lines += [_row(["" if cell is None else str(cell) for cell in row]) for row in table.select(heads).iter_rows()]
    lines += ["", "## Sources and assumptions", ""]
    lines += [f"- {name}: {text}" for name, text in notes(found, question, chosen)]
    lines += ["", shell.DISCLAIMER, "", shell.NOTICE, ""]
    return "\n".join(lines).encode()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def book(found: Found, question: Question, chosen: Chosen, built: Mapping[str, pl.DataFrame]) -> bytes:
    """Every table as one workbook."""
    title = headline(found, question, chosen)
    sheets = [Sheet(name, table, title if name == "Amounts" else "") for name, table in built.items()]
    about = [*notes(found, question, chosen), ("Notice", shell.DISCLAIMER), ("Notice", shell.NOTICE)]
    return export.book_bytes(sheets, about)
