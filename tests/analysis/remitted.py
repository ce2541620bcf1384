"""Remittances made up for tests: claims that the public API prices, payments worked out by hand, and errors put into them.

It shares no code with the modules that look for the errors.
"""

import datetime as dt
import random
from collections import Counter
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import x12_writer as x12

from feecalc.analysis.remittance.frames import ADJUSTMENTS, CLAIMS, LINES

HERE = "10112-00"  # Alabama
ELSEWHERE = "05302-99"  # the rest of Missouri
CENT = Decimal("0.01")

THERAPY = ["97110", "97112", "97140", "97530", "97116", "97535"]
VISITS = ["99202", "99203", "99204", "99212", "99213", "99214", "99215"]
SURGERY = ["11042", "12001", "20610", "11730", "10060"]
IMAGING = ["70551", "72148", "73721", "70450"]
JOINTS = ["20610", "20605", "20600"]


# The injector --------------------------------------------------------------------------------------------------------------


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def settle(
    allowed: Decimal,
    *,
    deductible=Decimal(0),
    cut=False,
    sequestration=Decimal("0.02"),
    factor=Decimal(1),
    coinsured=True,
    other=Decimal(0),
):
    """Who pays what: deductible, coinsurance, MIPS, sequestration, paid."""
    deductible = min(deductible, allowed)
    coinsurance = rounded((allowed - deductible) * Decimal("0.2")) if coinsured else Decimal(0)
    share = allowed - deductible - coinsurance
    if cut:
        share = rounded(share * Decimal("0.85"))
    adjusted = rounded(share * factor)
    taken = rounded(adjusted * sequestration)
    return deductible, coinsurance, adjusted - share, taken, adjusted - taken - other


# What goes wrong, and for which kinds of claims. An empty name is a right payment.
KINDS = {
    "": ("therapy", "visit", "surgery", "imaging", "both_sides", "scan"),
    "deductible": ("therapy", "visit"),
    "low_charge": ("visit", "therapy"),
    "same_day_rank": ("therapy",),
    "same_day_not_reduced": ("therapy", "imaging", "surgery"),
    "same_day_reduced": ("single",),
    "setting": ("visit", "surgery"),
    "practitioner": ("visit", "surgery"),
    "nonparticipating": ("visit", "therapy"),
    "qp": ("visit", "therapy"),
    "locality": ("visit", "therapy"),
    "work_floor": ("visit", "therapy"),
    "older_release": ("visit", "therapy"),
    "newer_release": ("visit", "therapy"),
    "charge_ignored": ("visit",),
    "as_charged": ("visit",),
    "units": ("therapy",),
    "recoded": ("visit",),
    "modifier_ignored": ("both_sides",),
    "professional_part": ("scan",),
    "same_day_first": ("therapy",),
    "assistant_cut": ("therapy",),
    "assistant_not_cut": ("assistant",),
    "sequestration": ("visit", "therapy", "surgery"),
    "mips": ("visit",),
    "mips_shown": ("visit",),
    "coinsurance": ("visit",),
    "shown_adjustment": ("visit", "therapy"),
    "denied_ncci": ("therapy",),
    "denied_units": ("therapy",),
    "denied_bundled": ("surgery", "therapy"),
    "denied_not_necessary": ("visit", "therapy", "imaging"),
    "denied_information": ("visit", "therapy"),
    "unexplained": ("visit", "therapy"),
}  # fmt: skip
NPI_OF = {"locality": "1000000004", "mips": "1000000012", "work_floor": "1000000020"}
# An error's circumstances, as columns of the claim lines that the API prices.
DOWN = {"99203": "99202", "99204": "99203", "99213": "99212", "99214": "99213", "99215": "99214"}
ALTERED = {
    "setting": {"pos": pl.lit("22")},
    "practitioner": {"provider_type": pl.lit("NP")},
    "nonparticipating": {"participation": pl.lit("nonparticipating")},
    "qp": {"qp": pl.lit(value=True)},
    "locality": {"mac": pl.lit("05302"), "locality": pl.lit("99")},
    "older_release": {"service_date": pl.lit(dt.date(2025, 12, 15))},
    "newer_release": {"service_date": pl.lit(dt.date(2026, 1, 15))},
    "recoded": {"hcpcs": pl.col("hcpcs").replace(DOWN)},
    "modifier_ignored": {"modifiers": pl.lit("")},
    "professional_part": {"modifiers": pl.lit("26")},
    "same_day_first": {"claim_id": pl.int_range(pl.len())},
}
# The adjustment reason and the remark of a denial.
DENIED = {
    "denied_ncci": ("236", ""),
    "denied_units": ("222", "N362"),
    "denied_bundled": ("97", "M15"),
    "denied_not_necessary": ("50", "N115"),
    "denied_information": ("16", "M76 MA130"),
}
# Therapy lines bear up to four modifiers, which change no amount but for CQ.
THERAPY_MODIFIERS = ("GP", "GP", "GP KX", "GP KX 59", "GP 59 KX GA")
ASSISTANT_MODIFIERS = ("GP CQ", "CQ GP", "GP CQ KX 59")


class Claims:
    """Random claims with right payments, and errors in some of them: `truth` names the cause of every line by (claim, line)."""

    def __init__(self, opened, count: int, seed: int = 7, right: float = 0.45, stated: bool = True) -> None:
        self.opened, self.random, self.stated = opened, random.Random(seed), stated
        self.known: dict[tuple[str, str], tuple[dict, dict]] = {}
        errors = [name for name in KINDS if name]
        self.plan = ["" if self.random.random() < right else self.random.choice(errors) for _ in range(count)]
        self.lines = [line for number, error in enumerate(self.plan, 1) for line in self.claim(number, error)]
        self.right = self.allowed(self.lines)
        self.wrong = self.gone_wrong()
        self.fees = self.single_units()
        self.sizes = Counter(line["claim"] for line in self.lines)
        self.alone = self.without_denied()
        self.truth: dict[tuple[int, int], str] = {}
        self.rows: list[dict] = []
        self.adjustments: list[dict] = []
        by_claim: dict[int, list[int]] = {}
        for place, line in enumerate(self.lines):
            by_claim.setdefault(line["claim"], []).append(place)
        for claim, places in by_claim.items():
            self.pay(claim, places)

    def claim(self, number: int, error: str) -> list[dict]:
        pick, kind = self.random, self.random.choice(KINDS[error])
        year = 2026 if error in ("qp", "work_floor", "older_release") else pick.choice([2025, 2026])
        on = dt.date(year, 1, 1) + dt.timedelta(days=pick.randrange(180))
        if error == "newer_release":
            on = dt.date(2025, 12, 1) + dt.timedelta(days=pick.randrange(31))
        if kind in ("therapy", "assistant"):
            several = error in ("same_day_rank", "denied_ncci", "same_day_not_reduced", "same_day_first")
            chosen = pick.sample(THERAPY, pick.randint(2 if several else 1, 4))
            modifiers = pick.choice(ASSISTANT_MODIFIERS if kind == "assistant" else THERAPY_MODIFIERS)
            units = [pick.randint(2 if error in ("units", "same_day_first") else 1, 3) for _ in chosen]
        elif kind == "single":
            chosen, units, modifiers = [pick.choice(THERAPY)], [1], "GP"
        elif kind == "visit":
            chosen, units, modifiers = [pick.choice(list(DOWN) if error == "recoded" else VISITS)], [1], ""
        elif kind in ("both_sides", "scan"):
            chosen, units = [pick.choice(JOINTS if kind == "both_sides" else IMAGING)], [1]
            modifiers = "50" if kind == "both_sides" else ""
        else:
            chosen, modifiers = pick.sample(SURGERY if kind == "surgery" else IMAGING, 2), ""
            units = [1, 1]
        low = Decimal("11.25")
        return [
            {"claim": number, "line": place, "service_date": on, "hcpcs": code, "modifiers": modifiers, "units": count,
             "pos": "11", "mac": "10112", "locality": "00", "error": error, "kind": kind,
             "charge": low if error in ("low_charge", "charge_ignored") else Decimal(pick.randrange(40_000, 90_000)) / 100}
            for place, (code, count) in enumerate(zip(chosen, units, strict=True), 1)
        ]  # fmt: skip

    def allowed(self, lines: list[dict], **altered: pl.Expr) -> list[Decimal]:
        """What the API allows for some lines of whole claims, as they are or with other columns."""
        frame = pl.DataFrame([{k: v for k, v in line.items() if k not in ("error", "kind")} for line in lines])
        frame = frame.rename({"claim": "claim_id"}).with_columns(pl.col("charge").cast(pl.Decimal(18, 2)))
        return self.opened.price_lines(frame.with_columns(**altered))["allowed"].to_list()

    def gone_wrong(self) -> dict[int, Decimal]:
        """What lines whose error has other circumstances are allowed in these, by their place."""
        found = {}
        for error, altered in ALTERED.items():
            places = [place for place, line in enumerate(self.lines) if line["error"] == error]
            if places:
                found |= zip(places, self.allowed([self.lines[place] for place in places], **altered), strict=True)
        return found

    def single_units(self) -> dict[tuple[str, dt.date], tuple[Decimal, Decimal, Decimal]]:
        """Of every code and day: a unit alone, a later one, and a unit without the work floor."""
        asked = sorted({(line["hcpcs"], line["service_date"]) for line in self.lines})
        rows = [{"claim_id": n, "hcpcs": code, "service_date": on, "line": place, "mac": "10112", "locality": "00", "pos": "11"}
                for n, (code, on) in enumerate(asked) for place in (1, 2)]  # fmt: skip
        both = self.opened.price_lines(pl.DataFrame(rows))
        allowed = both["allowed"].to_list()
        found = {}
        for n, key in enumerate(asked):
            found[key] = (allowed[2 * n], allowed[2 * n + 1], self.unfloored(*key))
        return found

    def figures(self, release: str, code: str) -> tuple[dict, dict]:
        """The RVUs of a code and the GPCIs of the place."""
        if (release, code) not in self.known:
            tables = self.opened.schedule
            row = tables.table(release, "pprrvu").filter(pl.col("hcpcs") == code, pl.col("modifier") == "")
            place = tables.table(release, "gpci").filter(pl.col("mac") == "10112", pl.col("locality") == "00")
            self.known[release, code] = row.row(0, named=True), place.row(0, named=True)
        return self.known[release, code]

    def unfloored(self, code: str, on: dt.date) -> Decimal:
        """One unit in the office with the work GPCI that CMS printed without the floor for 2026 (Alabama: 0.988)."""
        schedule = self.opened.schedule
        release = schedule.serving(on)[0].name
        row, place = self.figures(release, code)
        exact = (
            (Decimal(row["work"]) * 988 + Decimal(row["pe_nonfacility"]) * place["pe"] + Decimal(row["mp"]) * place["mp"])
            / 100_000
            * Decimal("33.4009")
        )
        return rounded(exact)

    def pay(self, claim: int, places: list[int]) -> None:
        error = self.lines[places[0]]["error"]
        pick = self.random
        victim = next(place for place in places if self.lines[place]["line"] == self.victim(claim))
        for place in places:
            line = self.lines[place]
            right = self.right[place]
            allowed, units = right, line["units"]
            settings = {}
            full, later, unfloored = self.fees[line["hcpcs"], line["service_date"]]
            cut = "CQ" in line["modifiers"]
            if error == "deductible":
                settings["deductible"] = Decimal(pick.randrange(100, 6000)) / 100
            elif error == "same_day_rank":
                ordered = self.by_unit(places)
                new_first = ordered[-1]
                allowed = later * units + (full - later if place == new_first else 0)
            elif error == "same_day_not_reduced":
                allowed = full * units
            elif error == "same_day_reduced":
                allowed = later
            elif error in ALTERED:
                allowed = self.wrong[place]
            elif error == "as_charged":
                allowed = line["charge"]
            elif error == "work_floor" and len(places) == 1 and units == 1:
                allowed = unfloored
            elif error == "charge_ignored":
                allowed = full
            elif error == "units" and place == victim:
                allowed = right - later
            elif error == "unexplained" and place == victim:
                allowed = right - Decimal(pick.randrange(30, 900)) / 100
            elif error == "assistant_cut":
                cut = True
            elif error == "assistant_not_cut":
                cut = False
            elif error == "sequestration":
                settings["sequestration"] = Decimal(0)
            elif error == "mips":
                settings["factor"] = Decimal("1.0143")
            elif error == "mips_shown":
                settings["factor"] = Decimal("0.9725")
            elif error == "coinsurance":
                settings["coinsured"] = False
            elif error == "shown_adjustment":
                settings["other"] = Decimal(pick.randrange(25, 400)) / 100
            truth = error.removesuffix("_shown")
            denied = error.startswith("denied") and place == victim
            if allowed == right and error not in (
                "assistant_cut",
                "assistant_not_cut",
                "sequestration",
                "mips",
                "mips_shown",
                "coinsurance",
                "shown_adjustment",
            ):
                truth = ""
            if error.startswith("denied"):
                truth = error if denied else ""
                if not denied and len(places) > 1:
                    allowed = self.alone[place]
            self.truth[claim, line["line"]] = truth
            self.write(line, place, allowed, denied, cut, settings, error, units)

    def by_unit(self, places: list[int]) -> list[int]:
        """The places of a claim's lines, the one whose first unit is paid in full first."""

        def worth(place: int) -> bool:
            line = self.lines[place]
            full, later, _ = self.fees[line["hcpcs"], line["service_date"]]
            return self.right[place] != later * line["units"] and full != later

        return sorted(places, key=lambda place: not worth(place))

    def without_denied(self) -> dict[int, Decimal]:
        """What the lines are allowed that stand beside a denied one, by their place."""
        kept = [
            p
            for p, line in enumerate(self.lines)
            if line["error"].startswith("denied") and line["line"] != self.victim(line["claim"])
        ]
        return dict(zip(kept, self.allowed([self.lines[place] for place in kept]), strict=True))

    def victim(self, claim: int) -> int:
        """The line of a claim that goes wrong, where one does."""
        return random.Random(claim).randrange(self.sizes[claim]) + 1

    def write(self, line, place, allowed, denied, cut, settings, error, units) -> None:
        charge = line["charge"]
        paid_units = units - 1 if error == "units" and allowed != self.right[place] else units
        if denied:
            reason, remarks = DENIED[error]
            self.adjust(line, ("CO", reason, charge))
            self.row(line, Decimal(0), None if not self.stated else Decimal(0), units, units, remarks=remarks)
            return
        deductible, coinsurance, mips, taken, paid = settle(allowed, cut=cut, **settings)
        shown = mips if error == "mips_shown" else Decimal(0)
        other = settings.get("other", Decimal(0))
        # What no adjustment of its own shows (the assistant's cut, MIPS) rides with what is written off.
        extra = allowed - deductible - coinsurance - (paid + taken + other - shown)
        self.adjust(
            line,
            ("CO", "45", charge - allowed + extra),
            ("CO", "B4", other),
            ("PR", "1", deductible),
            ("PR", "2", coinsurance),
            ("CO", "253", taken),
        )
        self.adjust(line, ("CO", "144" if shown > 0 else "237", -shown))
        remarks = "N807" if shown else "N851" if "CQ" in line["modifiers"] else ""
        paid_as = {name: column for name, column in self.paid_as(line, error).items() if allowed != self.right[place]}
        self.row(line, paid, allowed if self.stated else None, paid_units, units, remarks=remarks, **paid_as)

    def paid_as(self, line, error) -> dict[str, str]:
        """The code by which the payer says that it paid a line, where that is not the one billed."""
        return {"hcpcs": DOWN[line["hcpcs"]]} if error == "recoded" else {}

    def adjust(self, line, *given) -> None:
        for group, reason, amount in given:
            if amount:
                self.adjustments.append(
                    {
                        "claim": line["claim"],
                        "line": line["line"],
                        "group": group,
                        "reason": reason,
                        "amount": int(amount * 100),
                    }
                )

    def row(self, line, paid, allowed, units, billed, **more) -> None:
        self.rows.append({
            "claim": line["claim"], "line": line["line"], "code_type": "HC", "hcpcs": line["hcpcs"],
            "modifiers": line["modifiers"],
            "billed_hcpcs": line["hcpcs"], "billed_modifiers": line["modifiers"], "charge": int(line["charge"] * 100),
            "paid": int(paid * 100), "units": units * 1000, "units_billed": billed * 1000, "service_date": line["service_date"],
            "allowed": None if allowed is None else int(allowed * 100), "remarks": "", **more,
        })  # fmt: skip

    @property
    def remittance(self) -> "Frames":
        claims = []
        for number, error in enumerate(self.plan, 1):
            npi = NPI_OF.get(error) or f"19000000{number % 5:02}"
            claims.append({
                "claim": number, "claim_id": f"C{number}", "payer": "PALMETTO GBA", "payer_id": "10112",
                "payee_npi": "1999999992",
                "rendering_npi": npi, "paid_date": dt.date(2026, 9, 1), "status": "1", "filing": "MB", "pos": "11",
                "payer_claim": f"26{number:011}", "check_number": "EFT1", "file": "one.835", "reversal": False, "netted": False,
            })  # fmt: skip
        return Frames(table(claims, CLAIMS), table(self.rows, LINES), table(self.adjustments, ADJUSTMENTS))


class Frames:
    """The frames of a remittance that a check reads."""

    def __init__(self, claims: pl.DataFrame, lines: pl.DataFrame, adjustments: pl.DataFrame) -> None:
        self.claims, self.lines, self.adjustments = claims, lines, adjustments

    def as_x12(self) -> list[x12.Claim]:
        """The same as claims of an 835."""
        reasons: dict[tuple[int, int], list[x12.Adjustment]] = {}
        for one in self.adjustments.to_dicts():
            taken = x12.Adjustment(one["group"], one["reason"], one["amount"])
            reasons.setdefault((one["claim"], one["line"]), []).append(taken)
        lines: dict[int, list[x12.Line]] = {}
        for one in self.lines.to_dicts():
            changed, fewer = one["hcpcs"] != one["billed_hcpcs"], one["units"] != one["units_billed"]
            line = x12.Line(
                one["hcpcs"],
                one["charge"],
                one["paid"],
                tuple(one["modifiers"].split()),
                units=str(one["units"] // 1000),
                units_billed=str(one["units_billed"] // 1000) if fewer else "",
                billed=(one["billed_hcpcs"], *one["billed_modifiers"].split()) if changed else (),
                dates=(("472", one["service_date"]),),
                adjustments=tuple(reasons.get((one["claim"], one["line"]), ())),
                location="11",
                control=f"{one['claim']:07}{one['line']}",
                amounts=(("B6", one["allowed"]),) if one["allowed"] else (),
                remarks=tuple((one["remarks"] or "").split()),
            )
            lines.setdefault(one["claim"], []).append(line)
        claims = []
        for one in self.claims.to_dicts():
            held = tuple(lines[one["claim"]])
            charge, paid = sum(line.charge for line in held), sum(line.paid for line in held)
            named = {name: one[name] for name in ("filing", "payer_claim", "pos", "status")}
            claims.append(x12.Claim(one["claim_id"], charge, paid, rendering=one["rendering_npi"], lines=held, **named))
        return claims


class Mailbag:
    """What a clearinghouse hands over of some claims: interchanges of payers with whatever stands in an 835 beside them.

    Some claims were paid otherwise before, taken back and paid again; some bear an adjustment as a whole. Between them stand
    secondary payments, claims of another payer and claims without lines. `skipped` counts the lines that are not to be
    compared, by why; `bare` the claims without lines, `whole` the cents that were taken off whole claims.
    """

    def __init__(self, claims: Claims, seed: int = 11) -> None:
        self.random = random.Random(seed)
        self.skipped: Counter[str] = Counter()
        self.bare = self.whole = 0
        self.older: list[x12.Claim] = []
        self.elsewhere: list[x12.Claim] = []
        frames = claims.remittance
        self.first = frames.claims.row(0, named=True)
        own = [claim for one in frames.as_x12() for claim in self.mixed(one)]
        third = max(len(own) // 3, 1)
        parts = [own[at : at + third] for at in range(0, len(own), third)]
        newer = [self.payment(part, f"EFT{number}", self.first["paid_date"]) for number, part in enumerate(parts, 1)]
        before = self.payment(self.older, "EFT0", self.first["paid_date"] - dt.timedelta(days=31), method="CHK")
        other = x12.Payment(
            tuple(self.elsewhere), payer="NORTHERN MUTUAL", payer_id="1990000001", contractor="77777", check="X1"
        )
        self.interchanges = [
            x12.write([before, *newer], groups=2),
            x12.write([other], x12.Signs("|", ">", "!", "'", "\r\n"), control=2),
        ]

    @property
    def content(self) -> bytes:
        """All of it as one file."""
        return "".join(self.interchanges).encode("ascii")

    def mixed(self, claim: x12.Claim) -> list[x12.Claim]:
        """A claim with what a contractor writes beside its lines, and what else comes with it."""
        on = claim.lines[0].dates[0][1]
        shares = sum(a.amount for line in claim.lines for a in line.adjustments if a.group == "PR")
        claim = replace(
            claim,
            responsibility=shares,
            remarks=("MA01", "MA18") if self.random.random() < 0.3 else ("MA01",),
            references=(("EA", f"MR{claim.claim_id}"),),
            dates=(("232", on), ("233", on), ("050", on + dt.timedelta(days=9))),
            amounts=(("AU", claim.charge),),
            crossover=("STATE MEDICAID", "12345") if self.random.random() < 0.2 else None,
        )
        chance = self.random.random()
        if chance < 0.04:
            return self.paid_again(claim)
        if chance < 0.07 and claim.paid > 1000:
            taken = claim.paid // 10
            self.whole += taken
            return [replace(claim, paid=claim.paid - taken, adjustments=(x12.Adjustment("CO", "B4", taken),))]
        if chance < 0.09:
            self.skipped["secondary"] += len(claim.lines)
            return [claim, self.secondary(claim)]
        if chance < 0.11:
            self.skipped["other_payer"] += len(claim.lines)
            self.elsewhere.append(replace(claim, claim_id=f"X{claim.claim_id}", filing="12"))
        elif chance < 0.13:
            self.bare += 1
            late = (x12.Adjustment("CO", "29", claim.charge),)
            return [
                claim,
                replace(
                    claim, claim_id=f"B{claim.claim_id}", status="4", paid=0, responsibility=None, lines=(), adjustments=late
                ),
            ]
        return [claim]

    def paid_again(self, claim: x12.Claim) -> list[x12.Claim]:
        """The claim taken back as it was paid at first, and as it is paid now."""
        lines = []
        for line in claim.lines:
            less = min(line.paid, 150)
            short = (x12.Adjustment("CO", "144", less),) if less else ()
            lines.append(replace(line, paid=line.paid - less, adjustments=(*line.adjustments, *short)))
        number = f"25{claim.payer_claim[2:]}"
        first = replace(claim, paid=sum(line.paid for line in lines), lines=tuple(lines), payer_claim=number)
        self.older.append(first)
        self.skipped["reversed"] += 2 * len(lines)
        return [x12.reversed_claim(first), replace(claim, references=(*claim.references, ("F8", number)))]

    def secondary(self, claim: x12.Claim) -> x12.Claim:
        """Another claim, which another insurer paid first and Medicare the rest of."""
        lines = tuple(
            replace(line, paid=line.charge // 10, amounts=(), remarks=(), adjustments=(
                x12.Adjustment("OA", "23", line.charge // 2),
                x12.Adjustment("CO", "45", line.charge - line.charge // 2 - line.charge // 10),
            ))
            for line in claim.lines
        )  # fmt: skip
        paid = sum(line.paid for line in lines)
        return replace(claim, claim_id=f"S{claim.claim_id}", status="2", paid=paid, responsibility=None, lines=lines)

    def payment(self, claims: list[x12.Claim], check: str, date: dt.date, **more: str) -> x12.Payment:
        """A payment of claims, of which an overpayment was taken back, and to which interest was added."""
        settled = (x12.ProviderAdjustment("WO", f"26{check}", 250), x12.ProviderAdjustment("L6", "", -17))
        first = self.first
        return x12.Payment(
            tuple(claims),
            payer=first["payer"],
            contractor=first["payer_id"],
            payee_npi=first["payee_npi"],
            check=check,
            date=date,
            provider_adjustments=settled,
            **more,
        )


def table(rows: list[dict], schema: dict) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def remittance(*claims: tuple[dict, list[dict]]) -> Frames:
    """A remittance of claims, each with its lines: amounts in dollars as text, adjustments as "CO-45 70.00"."""
    of_claims, lines, adjustments = [], [], []
    usual = {"status": "1", "filing": "MB", "pos": "11", "payer": "PALMETTO GBA", "payer_id": "10112",
             "payee_npi": "1999999992", "paid_date": dt.date(2026, 9, 1), "reversal": False, "netted": False}  # fmt: skip
    for number, (claim, given) in enumerate(claims, 1):
        own = {**usual, "claim": number, "claim_id": f"C{number}", "payer_claim": f"26{number:09}", **claim}
        of_claims.append(own)
        adjustments += [adjusted(number, None, text) for text in own.pop("adjusted", [])]
        for place, line in enumerate(given, 1):
            code, *modifiers = line["code"].split("-")
            units = line.get("units", 1) * 1000
            sent, *sent_modifiers = line.get("billed", line["code"]).split("-")
            lines.append({
                "claim": number, "line": place, "code_type": line.get("code_type", "HC"), "hcpcs": code,
                "modifiers": " ".join(modifiers), "billed_hcpcs": sent, "billed_modifiers": " ".join(sent_modifiers),
                "charge": cents(line.get("charge", "500.00")), "paid": cents(line["paid"]), "units": units,
                "units_billed": line.get("units_billed", line.get("units", 1)) * 1000,
                "service_date": line.get("date", dt.date(2026, 4, 10)), "allowed": cents(line.get("allowed")),
                "pos": line.get("pos"), "remarks": line.get("remarks"),
            })  # fmt: skip
            adjustments += [adjusted(number, place, text) for text in line.get("adjusted", [])]
    return Frames(table(of_claims, CLAIMS), table(lines, LINES), table(adjustments, ADJUSTMENTS))


def adjusted(claim: int, line: int | None, text: str) -> dict:
    code, amount = text.split()
    group, reason = code.split("-")
    return {"claim": claim, "line": line, "group": group, "reason": reason, "amount": cents(amount)}


def cents(amount: str | None) -> int | None:
    return None if amount is None else int(Decimal(amount) * 100)


def paid_right(allowed: str, code: str, **more) -> dict:
    """A line that is paid by the rules of 2025 and 2026 for what is allowed."""
    _, coinsurance, _, taken, paid = settle(Decimal(allowed))
    return {"code": code, "allowed": allowed, "paid": str(paid), "adjusted": [f"PR-2 {coinsurance}", f"CO-253 {taken}"], **more}
