"""A remittance against the fee schedule: every line priced, compared, and its difference given its cause."""

import polars as pl

from feecalc.analysis.variance import codes, denials, payments
from feecalc.analysis.variance.expected import claim_lines, expected, rules_for
from feecalc.analysis.variance.facts import UNITS, Remitted, facts, whole_claim_adjustments
from feecalc.analysis.variance.result import CAUSES, LINES, Variance
from feecalc.analysis.variance.search import search
from feecalc.analysis.variance.settings import Settings, Where, places_of
from feecalc.analysis.variance.switches import Switchboard
from feecalc.api import OpenSchedule
from feecalc.edits import Edits

SEVERAL = 10  # compared lines, from which on it is told that most of them differ in the same way


def check(
    remittance: Remitted, where: Where, opened: OpenSchedule, settings: Settings | None = None, edits: Edits | None = None
) -> Variance:
    """Compare what was paid with what Medicare should have paid, line by line, and say why they differ.

    Lines of one claim and day are priced together at `where`. Raises InputError where the place is not one of the dates'
    releases, or the frames lack a column. `edits` are NCCI's tables (default: those that are loaded).
    """
    settings = settings or Settings()
    frame = facts(remittance, settings)
    compared = frame.filter(pl.col("skip").is_null())
    places = places_of(compared["service_date"], where, opened.schedule)
    asked = claim_lines(frame, places, settings)
    rules = rules_for(opened.schedule, [compared["service_date"]], [compared["hcpcs"]])
    frame = _compared(expected(frame, asked, rules, settings), settings)
    reasons = _reasons(remittance, frame)
    allowed, notes = _allowed_side(frame, asked, reasons, opened, settings)
    paid, paid_hints = _payment_side(frame, reasons, settings)
    refused = _denials(frame, edits)
    causes = _causes(frame, allowed, paid, refused)
    hints = pl.concat([allowed.select("row", "hint").drop_nulls(), paid_hints]).group_by("row", maintain_order=True).first()
    lines = _lines(frame, causes, hints, refused, reasons)
    told = causes.join(frame.select("row", "claim", "line"), on="row", maintain_order="left").select(list(CAUSES))
    return Variance(
        where=where,
        settings=settings,
        lines=lines,
        causes=told,
        whole_claims=_whole_claims(remittance, frame),
        notes=(*_settings_to_check(lines, told), *notes, *_notes(remittance, frame)),
        asked=asked,
    )


def _compared(frame: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """`state` (match, allowed, payment, both, denied, skip, unpriced); `predicted`, what the rules make of what was allowed."""
    frame = frame.with_columns(year=pl.col("service_date").dt.year(), factor=pl.lit(None, dtype=pl.Int64))
    made = payments.paid(frame)
    frame = frame.hstack(made.select(predicted="paid", predicted_patient="patient"))
    slack = settings.tolerance + settings.unit_tolerance * (pl.col("units") // UNITS)
    allowed_off = (pl.col("allowed") - pl.col("expected_allowed")).abs() > slack
    paid_off = ((pl.col("predicted") - pl.col("paid")).abs() > settings.tolerance) | (
        (pl.col("predicted_patient") - pl.col("patient")).abs() > settings.tolerance
    )
    state = (
        pl.when(pl.col("skip").is_not_null())
        .then(pl.lit("skip"))
        .when(pl.col("expected_allowed").is_null())
        .then(pl.lit("unpriced"))
        .when(pl.col("denied") & allowed_off)
        .then(pl.lit("denied"))
        .when(pl.col("denied"))
        .then(pl.lit("match"))
        .when(allowed_off & paid_off)
        .then(pl.lit("both"))
        .when(allowed_off)
        .then(pl.lit("allowed"))
        .when(paid_off)
        .then(pl.lit("payment"))
        .otherwise(pl.lit("match"))
    )
    return frame.with_columns(state=state, slack=slack)


def _reasons(remittance: Remitted, frame: pl.DataFrame) -> pl.DataFrame:
    """The adjustments of the lines that do not match: `row`, `reasons` (a list), `codes` (such as "CO-45 CO-253")."""
    odd = frame.filter(pl.col("state") != "match").select("row", "claim", "line")
    own = remittance.adjustments.select("claim", "line", pl.col("group", "reason").cast(pl.String))
    return (
        odd.join(own, on=["claim", "line"], how="left", maintain_order="left")
        .group_by("row", maintain_order=True)
        .agg(
            reasons=pl.col("reason").drop_nulls(),
            codes=pl.concat_str("group", "reason", separator="-").drop_nulls().str.join(" "),
        )
    )


def _allowed_side(
    frame: pl.DataFrame, asked: pl.DataFrame, reasons: pl.DataFrame, opened: OpenSchedule, settings: Settings
) -> tuple[pl.DataFrame, list[str]]:
    """What explains the allowed amounts that are not the fee schedule's: the columns of `search.FOUND`."""
    differs = pl.col("state").is_in(["allowed", "both"])
    claims = frame.filter(differs)["claim"].unique()
    judged = frame.filter(pl.col("claim").is_in(claims.implode()), pl.col("skip").is_null(), ~pl.col("denied"))
    extra = judged.select(
        "row", "payer_id", "npi", "slack", "paid_hcpcs", "paid_modifiers",
        paid_units=pl.col("units_paid") // UNITS, actual="allowed", base="expected_allowed", differs=differs,
    )  # fmt: skip
    lines = asked.join(extra, on="row", maintain_order="left").join(
        reasons.select("row", "reasons"), on="row", how="left", maintain_order="left"
    )
    lines = lines.with_columns(pl.col("reasons").fill_null([]))
    board = Switchboard(lines, opened.schedule, settings)
    return search(board, lines, pl.col("slack"), settings.evidence, settings.pairs)


def _payment_side(frame: pl.DataFrame, reasons: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What explains the payments that do not follow from what was allowed: the columns of `payments.FOUND`, and hints."""
    full = pl.col("predicted") > 0
    counted = frame.filter(pl.col("state").is_in(["match", "allowed", "payment", "both"]) & full & ~pl.col("denied"))
    totals = counted.group_by(payments.GROUP).agg(group_lines=pl.len())
    odd = (
        frame.filter(pl.col("state").is_in(["payment", "both"]))
        .drop("factor")
        .rename({"paid": "actual_paid", "patient": "actual_patient"})
        .join(reasons.select("row", "reasons"), on="row", how="left", maintain_order="left")
        .join(totals, on=payments.GROUP, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.col("reasons").fill_null([]))
    )
    return payments.explain(odd, settings.tolerance, settings.evidence, settings.pairs)


def _denials(frame: pl.DataFrame, edits: Edits | None) -> pl.DataFrame:
    """Why the denied lines were denied: the columns of `denials.explain`."""
    denied = frame.filter(pl.col("state") == "denied").with_columns(units=pl.col("units") // UNITS)
    if denied.is_empty():
        return pl.DataFrame(schema={"row": pl.UInt32, "cause": pl.String, "action": pl.String, "edit": pl.String})
    siblings = frame.filter(
        pl.col("claim").is_in(denied["claim"].unique().implode()), pl.col("skip").is_null(), ~pl.col("denied")
    )
    return denials.explain(denied, siblings, edits or Edits.open())


# Putting it together -------------------------------------------------------------------------------------------------------


def _causes(frame: pl.DataFrame, allowed: pl.DataFrame, paid: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """One row a cause of a line, with its effect on the payment; the effects of a line add up to its difference."""
    parts = [_of_denied(frame, refused), _of_allowed(frame, allowed), _of_payments(frame, paid)]
    return _ranked_otherwise(pl.concat(parts), frame).sort("row", "place")


def _of_denied(frame: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    denied = frame.filter(pl.col("state") == "denied").join(refused, on="row", how="left", maintain_order="left")
    detail = pl.coalesce(pl.col("denial_group") + "-" + pl.col("denial"), pl.lit(""))
    return denied.select(
        "row",
        cause=pl.col("cause").fill_null("unexplained"),
        detail=detail,
        effect=pl.col("paid") - pl.col("expected_paid"),
        allowed_effect=-pl.col("expected_allowed"),
        alternatives=pl.lit([], dtype=pl.List(pl.String)),
        place=pl.lit(0, dtype=pl.Int64),
    )


def _of_allowed(frame: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The causes of the allowed side: each worth what the payment would be after it, less what it was before."""
    odd = frame.filter(pl.col("state").is_in(["allowed", "both"])).join(found, on="row", how="left", maintain_order="left")
    named = pl.col("causes").is_not_null()
    odd = odd.with_columns(
        causes=pl.when(named).then("causes").otherwise(pl.lit(["unexplained"])),
        details=pl.when(named).then("details").otherwise(pl.lit([""])),
        alternatives=pl.col("alternatives").fill_null([]),
    )
    several = pl.col("causes").list.len()
    # What is allowed after all but the last, and what is paid of it; after the last it is what was.
    on_the_way = [pl.col("steps").list.get(n, null_on_oob=True).fill_null(pl.col("allowed")).alias(f"step_{n}") for n in (0, 1)]
    odd = odd.with_columns(on_the_way)
    halfway = [payments.paid(odd, allowed=f"step_{n}")["paid"].alias(f"paid_{n}") for n in (0, 1)]
    odd = odd.with_columns(halfway)

    def steps(names: tuple[str, str], last: str) -> pl.Expr:
        return (
            pl.when(several == 1)
            .then(pl.concat_list(last))
            .when(several == 2)
            .then(pl.concat_list(names[0], last))
            .otherwise(pl.concat_list(*names, last))
        )

    paid_steps, allowed_steps = steps(("paid_0", "paid_1"), "predicted"), steps(("step_0", "step_1"), "allowed")
    return _unfolded(odd, paid_steps, "expected_paid", allowed_steps, "expected_allowed")


def _of_payments(frame: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The causes of the payment side, in the same way; they leave the allowed amount as it is."""
    odd = frame.filter(pl.col("state").is_in(["payment", "both"])).join(found, on="row", how="left", maintain_order="left")
    named = pl.col("causes").is_not_null()
    several = pl.col("causes").list.len() > 1
    odd = odd.with_columns(
        causes=pl.when(named).then("causes").otherwise(pl.lit(["unexplained"])),
        details=pl.when(named).then("details").otherwise(pl.lit([""])),
        alternatives=pl.col("alternatives").fill_null([]),
    )
    paid_steps = pl.when(several).then(pl.concat_list(pl.col("steps").list.first(), "paid")).otherwise(pl.concat_list("paid"))
    allowed_steps = pl.when(several).then(pl.concat_list("allowed", "allowed")).otherwise(pl.concat_list("allowed"))
    return _unfolded(odd, paid_steps, "predicted", allowed_steps, "allowed").with_columns(place=pl.col("place") + 3)


def _unfolded(odd: pl.DataFrame, paid: pl.Expr, before: str, allowed: pl.Expr, allowed_before: str) -> pl.DataFrame:
    """One row a cause, with the change of payment and of the allowed amount that it makes."""
    told = odd.select(
        "row", "causes", "details", "alternatives", before, allowed_before, paid_steps=paid, allowed_steps=allowed
    )
    told = told.with_columns(place=pl.int_ranges(0, pl.col("causes").list.len()))
    rows = told.explode("causes", "details", "paid_steps", "allowed_steps", "place", empty_as_null=False)
    last = pl.col("paid_steps").shift().over("row"), pl.col("allowed_steps").shift().over("row")
    return rows.select(
        "row",
        cause="causes",
        detail="details",
        effect=pl.col("paid_steps") - pl.coalesce(last[0], before),
        allowed_effect=pl.col("allowed_steps") - pl.coalesce(last[1], allowed_before),
        alternatives="alternatives",
        place=pl.col("place").cast(pl.Int64),
    )


def _ranked_otherwise(causes: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Where one line of a day was reduced and another was not, in each other's place, the day was ranked otherwise."""
    day = ["claim", "service_date"]
    placed = causes.join(frame.select("row", *day), on="row", how="left", maintain_order="left")
    swapped = (
        pl.col("cause").is_in(["same_day_first", "same_day_not_reduced"]).any() & (pl.col("cause") == "same_day_reduced").any()
    )
    same_day = pl.col("cause").is_in(["same_day_first", "same_day_not_reduced", "same_day_reduced"])
    return placed.with_columns(
        cause=pl.when(same_day & swapped.over(day)).then(pl.lit("same_day_rank")).otherwise("cause")
    ).drop(day)


def _lines(
    frame: pl.DataFrame, causes: pl.DataFrame, hints: pl.DataFrame, refused: pl.DataFrame, reasons: pl.DataFrame
) -> pl.DataFrame:
    """The compared lines, one row each: the columns LINES."""
    known = codes.causes()
    titles = {name: one.title for name, one in known.items()}
    of_cause = {name: one.action for name, one in known.items()}
    title = pl.col("cause").replace_strict(titles, return_dtype=pl.String)
    words = pl.when(pl.col("detail") == "").then(title).otherwise(pl.format("{} ({})", title, "detail"))
    most = pl.col("effect").abs().arg_max()
    told = causes.group_by("row", maintain_order=True).agg(
        causes=words.str.join("; "),
        found=(pl.col("cause") != "unexplained").any(),
        open=(pl.col("cause") == "unexplained").any(),
        main=pl.col("cause").get(most),
        alternatives=pl.col("alternatives").list.explode(empty_as_null=False).unique(maintain_order=True).str.join("; or "),
    )
    frame = frame
    for other in (told, hints, refused.select("row", "action", "edit"), reasons.select("row", "codes")):
        frame = frame.join(other, on="row", how="left", maintain_order="left")
    under = (pl.col("paid") < pl.col("expected_paid")) | (
        (pl.col("paid") == pl.col("expected_paid")) & (pl.col("allowed") < pl.col("expected_allowed"))
    )
    outcome = (
        pl.when(pl.col("state").is_in(["skip", "unpriced"]))
        .then(pl.lit("not priceable"))
        .when(pl.col("state") == "match")
        .then(pl.lit("matches"))
        .when(pl.col("found") & pl.col("open"))
        .then(pl.lit("partly"))
        .when("found")
        .then(pl.lit("explained"))
        .when(under)
        .then(pl.lit("unexplained underpayment"))
        .otherwise(pl.lit("unexplained overpayment"))
    )
    action = pl.coalesce("action", pl.col("main").replace_strict(of_cause, default=None, return_dtype=pl.String))
    action = pl.when(~under & (action == "reopen")).then(pl.lit("repay")).otherwise(action)
    compared = ~pl.col("state").is_in(["skip", "unpriced"])
    return frame.with_columns(
        outcome=outcome,
        action=action.fill_null("none"),
        units=pl.col("units") // UNITS,
        difference=pl.when(compared).then(pl.col("paid") - pl.col("expected_paid")),
        reason=pl.coalesce("skip", pl.when(pl.col("state") == "unpriced").then("reason")),
        **{name: pl.col(name).fill_null("") for name in ("causes", "alternatives", "hint", "edit", "codes", "remarks")},
    ).select(pl.col(name).cast(kind) for name, kind in LINES.items())


def _whole_claims(remittance: Remitted, frame: pl.DataFrame) -> pl.DataFrame:
    """The adjustments of whole claims, of those that are compared: `claim_id`, `group`, `reason`, `amount`, `sentence`."""
    own = whole_claim_adjustments(remittance)
    ids = frame.filter(pl.col("skip").is_null(), ~pl.col("denied")).select("claim", "claim_id").unique(maintain_order=True)
    sentences = {code: one["sentence"] for code, one in codes.reasons().items()}
    unknown = "A reason that feecalc has no words for."
    return own.join(ids, on="claim", maintain_order="left").select(
        "claim", "claim_id", "group", "reason", "amount",
        sentence=pl.col("reason").cast(pl.String).replace_strict(sentences, default=unknown, return_dtype=pl.String),
    )  # fmt: skip


def _settings_to_check(lines: pl.DataFrame, causes: pl.DataFrame) -> list[str]:
    """What to look at first, where most lines differ in the same way: then it is the settings, as a rule, and not the payer."""
    compared = lines.filter(pl.col("difference").is_not_null()).height
    said = []
    for cause, rows in causes.group_by("cause").agg(pl.col("row").n_unique()).sort("row", descending=True).iter_rows():
        one = codes.causes()[cause]
        if compared < SEVERAL or rows * 2 < compared or one.side == "denial" or cause == "mips":
            continue
        if cause == "unexplained":
            said.append(f"{rows:,} of {compared:,} lines match no rule: check the place of service and the settings first.")
        else:
            said.append(f"{rows:,} of {compared:,} lines: {one.title}. Check this setting first.")
    return said


def _notes(remittance: Remitted, frame: pl.DataFrame) -> list[str]:
    """What the reader has to know of the comparison as a whole."""
    said = []
    without = remittance.claims.join(frame.select("claim").unique(), on="claim", how="anti").height
    if without:
        said.append(f"{without:,} claims have no service lines, so nothing of them could be compared.")
    nowhere = frame.filter(pl.col("skip").is_null(), pl.col("pos").fill_null("") == "").height
    if nowhere:
        said.append(f"{nowhere:,} lines name no place of service and were priced as in an office (non-facility).")
    derived = frame.filter(pl.col("skip").is_null(), pl.col("stated").is_null(), ~pl.col("denied")).height
    if derived:
        said.append(f"Of {derived:,} lines the remittance does not state what was allowed; it was worked out from the payment.")
    return said
