"""Random claims, from everyday to nasty, for holding the engine against the reference. The same seed gives the same claims.

As a script it prices twenty thousand of them with the reference and prints how often each rule acted:
`python tests/reference/claims.py [claims] [seed]`.
"""

import random
import sys
import time
from datetime import date, timedelta
from functools import cache

# Release whose codes are drawn, first and last date of service, weight. Some dates fall where a release is substituted.
SPANS = (
    ("2020D", date(2020, 10, 1), date(2020, 12, 31), 10),
    ("2025A", date(2025, 1, 1), date(2025, 3, 31), 8),
    ("2025B", date(2025, 4, 1), date(2025, 6, 30), 8),
    ("2025C", date(2025, 7, 1), date(2025, 9, 30), 8),
    ("2025D", date(2025, 10, 1), date(2025, 12, 31), 22),
    ("2026C", date(2026, 7, 1), date(2026, 9, 30), 20),
    ("2026C", date(2026, 1, 1), date(2026, 6, 30), 4),
    ("2026C", date(2026, 10, 1), date(2026, 12, 31), 2),
    ("2020B", date(2020, 4, 1), date(2020, 6, 30), 2),
    ("2021C", date(2021, 7, 1), date(2021, 9, 30), 3),
    ("2022B", date(2022, 4, 1), date(2022, 6, 30), 4),
    ("2023D", date(2023, 9, 1), date(2023, 12, 31), 4),
    ("2024A", date(2024, 1, 1), date(2024, 3, 31), 3),
    ("2024C", date(2024, 7, 1), date(2024, 12, 31), 3),
    ("2025D", date(2019, 6, 1), date(2019, 6, 30), 0.4),
    ("2026C", date(2027, 1, 1), date(2027, 2, 28), 0.4),
)
OFFICE_POS = ("11", "11", "11", "11", "12", "49", "20", "81", "10", "32", "71", "17", "62", "65")
HOSPITAL_POS = ("21", "22", "22", "19", "23", "24")
OTHER_FACILITY_POS = ("02", "26", "31", "34", "41", "51", "52", "53", "56", "61")
RARE_POS = ("05", "06", "08", "18", "66", "27", "10", "58", "99", "77", "00", "35", "13", "60", "72")
INFORMATIONAL = (
    "51 59 XE XP XS XU 24 25 27 57 58 76 77 79 91 GA GX GC GE GP GO GN KX 95 93 GT GQ FQ SA Q5 Q6 AQ AH AJ JW JZ "
    "FA F1 F5 F9 TA T1 T5 T9 E1 E2 E3 E4 LC LD LM RC RI QS G8 G9 23 33 PT CQ CO LT RT"
).split()
PAYING = "26 TC 53 50 22 52 54 55 56 62 66 73 74 78 80 81 82 AS FX FY CT GY GZ AA AD QK QX QY QZ".split()
UNLISTED = ("ZZ", "PD", "AK", "P1", "1P", "U1", "99")
TYPES = ("NP", "PA", "CNS", "CSW", "MFT", "MHC", "RD", "CNM", "CP", "CRNA", "PT", "OT", "SLP", "AUD")
FACTORS = {2020: 360896, 2021: 348931, 2022: 346062, 2023: 338872, 2024: 332875, 2025: 323465, 2026: 334009}


class Pools:
    """The codes of a release by what makes them interesting."""

    def __init__(self, schedule, release):
        self.rows = {(r["hcpcs"], r["modifier"]): r for r in schedule.table(release, "pprrvu").to_dicts()}
        self.places = [(r["mac"], r["locality"]) for r in schedule.table(release, "gpci").to_dicts()]
        blank = [r for r in self.rows.values() if not r["modifier"]]
        priced = [r for r in blank if r["status"] in "AT" or (r["status"] == "R" and r["work"] + r["pe_nonfacility"] > 0)]

        def codes(condition, rows=priced):
            return sorted(r["hcpcs"] for r in rows if condition(r)) or ["ZZZZZ"]

        self.therapy = codes(lambda r: r["mult_proc"] == "5")
        self.visits = codes(lambda r: r["hcpcs"][:3] in ("992", "993", "994", "908") and r["mult_proc"] == "0")
        surgical = [r for r in priced if r["mult_proc"] in ("2", "3") and r["status"] == "A"]
        self.surgery = {b: codes(lambda r, b=b: r["bilateral"] == b, surgical) for b in "0129"}
        self.any_surgery = sorted(r["hcpcs"] for r in surgical)
        self.assisted = {a: codes(lambda r, a=a: r["assistant_surgery"] == a, surgical) for a in "0129"}
        self.cosurgery = {c: codes(lambda r, c=c: r["co_surgery"] == c, surgical) for c in "0129"}
        self.team = {t: codes(lambda r, t=t: r["team_surgery"] == t, surgical) for t in "012"}
        self.globals = {g: codes(lambda r, g=g: r["global_days"] == g) for g in ("000", "010", "090", "XXX", "MMM", "ZZZ")}
        self.unsplit = codes(lambda r: r["global_days"] == "090" and not r["intra_op"])
        self.surgical_split = codes(lambda r: r["pctc"] == "1", surgical)
        self.families: dict[str, list[str]] = {}
        for r in priced:
            if r["endo_base"]:
                self.families.setdefault(r["endo_base"], []).append(r["hcpcs"])
        self.families = {b: sorted(c) for b, c in sorted(self.families.items()) if len(c) > 1}
        self.paired_families = {b: c for b, c in self.families.items() if any(self.rows[x, ""]["bilateral"] in "12" for x in c)}
        self.diagnostic = {m: codes(lambda r, m=m: r["mult_proc"] == m and r["pctc"] == "1") for m in "467"}
        self.technical = {m: codes(lambda r, m=m: r["mult_proc"] == m and r["pctc"] == "3") for m in "67"}
        self.whole = codes(lambda r: r["mult_proc"] == "6" and r["pctc"] == "4")
        self.both_sides = {m: codes(lambda r, m=m: r["mult_proc"] == m and r["bilateral"] == "3") for m in "0467"}
        self.two_sided = {m: codes(lambda r, m=m: r["mult_proc"] == m and r["bilateral"] == "2") for m in "0467"}
        self.one_sided = codes(lambda r: r["mult_proc"] == "0" and r["bilateral"] == "1")
        self.split = codes(lambda r: r["mult_proc"] == "0" and r["pctc"] == "1")
        self.pctc = {p: codes(lambda r, p=p: r["pctc"] == p) for p in "01234579"} | {"8": ["85060"]}
        self.pctc["6"] = sorted(k[0] for k, r in self.rows.items() if k[1] == "26" and r["pctc"] == "6") or ["ZZZZZ"]
        self.status = {s: codes(lambda r, s=s: r["status"] == s, blank) for s in "BCEIMNPXJT"}
        self.restricted = codes(lambda r: r["status"] == "R")
        self.unrestricted = codes(
            lambda r: r["status"] == "R" and not r["work"] + r["pe_nonfacility"] + r["pe_facility"], blank
        )
        self.by_contract = codes(lambda r: r["status"] == "C" and r["mult_proc"] in ("2", "3"), blank)
        self.by_contract_imaging = codes(lambda r: r["status"] == "C" and r["mult_proc"] in ("4", "6", "7"), blank)
        self.na = {s: codes(lambda r, s=s: r[f"na_{s}"]) for s in ("facility", "nonfacility")}
        self.capped = sorted(
            k[0]
            for k, r in self.rows.items()
            if r["status"] in "AR"
            and k[1] == "TC"
            and 0 < r["opps_pe_nonfacility"] + r["opps_mp"] < r["pe_nonfacility"] + r["mp"]
        ) or ["ZZZZZ"]
        self.unsplittable = [
            c
            for c in self.pctc["1"]
            if any(self.rows.get((c, m), {"status": "-"})["status"] not in "ART" for m in ("26", "TC"))
        ]
        self.stopped = sorted(k[0] for k in self.rows if k[1] == "53")
        self.any = sorted(r["hcpcs"] for r in blank)


@cache
def pools(schedule, release) -> Pools:
    return Pools(schedule, release)


class Maker:
    """Makes one claim after another."""

    def __init__(self, schedule, seed):
        self.schedule = schedule
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def pick(self, options, many=None):
        if many is None:
            return self.random.choice(options)
        return [self.random.choice(options) for _ in range(many)]

    def sample(self, options, many):
        return self.random.sample(options, min(many, len(options)))

    # One function for each kind of claim: it returns (code, modifiers, units) and may say what the claim has in common.

    def therapy(self, p, claim):
        discipline = self.pick(("GP", "GO", "GN"))
        claim["types"] = ("PT", "OT", "SLP", "physician", "NP")
        assistant = self.chance(0.3)
        lines = []
        for code in self.sample(p.therapy, self.random.randint(1, 5)):
            modifiers = [discipline]
            if assistant and self.chance(0.8):
                modifiers.append("CO" if discipline == "GO" else "CQ")
            modifiers += self.sample(["KX", "59", "22", "GY", "52", "50"], 1) if self.chance(0.15) else []
            lines.append((code, modifiers, self.pick((1, 1, 2, 2, 3, 4))))
        if self.chance(0.3):
            lines.append((self.pick(p.visits), [], 1))
        return lines

    def visit(self, p, claim):
        claim["types"] = ("physician", "physician", *TYPES)
        lines = [(self.pick(p.visits), ["25"] if self.chance(0.4) else [], 1)]
        for _ in range(self.random.randint(0, 4)):
            pool = self.pick((p.any_surgery, p.split, p.globals["000"], p.globals["010"], p.pctc["5"], p.pctc["3"]))
            lines.append((self.pick(pool), [], self.pick((1, 1, 1, 2))))
        if self.chance(0.25):
            lines.append((self.pick(p.status["T"]), [], 1))
        if self.chance(0.2):
            lines[-1][1].append(self.pick(("33", "PT")))
        return lines

    def surgery(self, p, claim):
        lines = []
        for _ in range(self.pick((1, 2, 2, 3, 3, 4, 5, 6, 7))):
            indicator = self.pick("0001112299")
            modifiers = []
            units = self.pick((1, 1, 1, 1, 2, 2, 3))
            draw = self.random.random()
            if draw < 0.12:
                modifiers, units = ["50"], 1 if self.chance(0.95) else 2
            elif draw < 0.2:
                modifiers = [self.pick(("LT", "RT"))]
            elif draw < 0.27:
                modifiers = [self.pick(("58", "78", "79"))]
            elif draw < 0.31:
                modifiers = ["22"]
            elif draw < 0.34:
                modifiers = [self.pick(("52", "53", "56", "GY", "GZ", "73", "74"))]
            elif draw < 0.42:
                modifiers = self.pick((["54"], ["55"], ["54", "55"]))
            if self.chance(0.3):
                modifiers.append(self.pick(("51", "59", "XS", "76", "F1", "T5", "E1", "LC")))
            code = lines[-1][0] if lines and self.chance(0.06) else self.pick(p.surgery[indicator])
            lines.append((code, modifiers, units))
        if self.chance(0.1):
            lines.append((self.pick(p.by_contract), [], 1))
        if self.chance(0.2):
            lines.append((self.pick(p.visits), ["57"], 1))
        return lines

    def long_surgery(self, p, claim):
        """More than five items of one list, by lines or by units."""
        lines = [(c, self.sample(["51"], self.random.randint(0, 1)), 1) for c in self.sample(p.any_surgery, 8)]
        if self.chance(0.6):
            lines = [(c, m, self.pick((1, 2, 3, 6))) for c, m, _ in lines[: self.random.randint(1, 5)]]
        if self.chance(0.3):
            lines[0][1].append(self.pick(("22", "50", "79", "58")))
        return lines

    def roles(self, p, claim):
        """Assistants, co-surgeons and teams, several on a day."""
        claim["types"] = ("physician", "PA", "NP", "CNS")
        role = self.pick(("80", "82", "81", "AS", "AS", "62", "62", "62", "mixed"))
        lines = []
        for _ in range(self.pick((1, 2, 3, 3, 4, 6, 7))):
            mine = self.pick(("80", "AS", "62", "66", "")) if role == "mixed" else role
            if mine == "62":
                code = self.pick(p.cosurgery[self.pick("22222222019")])
            elif mine == "66":
                code = self.pick(p.team[self.pick("012")])
            else:
                code = self.pick(p.assisted[self.pick("22222222019")])
            modifiers = [mine] if mine else []
            units = self.pick((1, 1, 1, 2))
            draw = self.random.random()
            if draw < 0.1 and units == 1:
                modifiers.append("50")
            elif draw < 0.16:
                modifiers.append(self.pick(("22", "58", "79", "51", "52")))
            elif draw < 0.22:
                modifiers.append(self.pick(("54", "55", "78", "62", "80", "AS", "66")))
            lines.append((code, modifiers, units))
        return lines

    def endoscopy(self, p, claim):
        lines = []
        families = p.paired_families if self.chance(0.25) and p.paired_families else p.families
        role = self.pick(("", "", "", "", "", "AS", "80", "62"))
        for base in self.sample(sorted(families), self.pick((1, 1, 1, 2, 2, 3))):
            codes = self.sample(families[base], self.pick((1, 2, 2, 3, 4)))
            if self.chance(0.4):
                codes.append(base)
            self.random.shuffle(codes)
            for code in codes:
                lines.append((code, [role] if role and self.chance(0.7) else [], self.pick((1, 1, 1, 1, 2, 3))))
        lines = [list(line) for line in lines]
        if self.chance(0.3):
            lines.append([self.pick(p.any_surgery), [], 1])
        if self.chance(0.15):
            lines += [[c, [], 1] for c in self.sample(p.any_surgery, 4)]
        self.random.shuffle(lines)
        line = self.pick(lines)
        draw = self.random.random()
        if draw < 0.07:
            line[1].append("22")
        elif draw < 0.12:
            line[1].append("50")
            line[2] = 1
        elif draw < 0.2:
            line[1].append(self.pick(("58", "79", "78")))
        elif draw < 0.25:
            line[1].append(self.pick(("52", "GY", "LT", "55")))
        elif draw < 0.3:
            stopped = self.pick(p.stopped)
            lines.append([stopped, ["53"], 1])
            if stopped in p.families:
                lines.append([self.pick(p.families[stopped]), [], 1])
        elif draw < 0.36:
            one = list(self.pick(lines))
            lines += [[one[0], [*one[1], "LT"], 1], [one[0], [*one[1], "RT"], 1]]
            lines = [m for m in lines if m[0] != one[0] or {"LT", "RT"} & set(m[1])]
        return [tuple(line) for line in lines]

    def diagnostic(self, p, claim, kinds="4"):
        lines = []
        for _ in range(self.pick((1, 2, 2, 3, 3, 4, 5))):
            kind = self.pick(kinds)
            pool = p.diagnostic[kind]
            modifiers = self.pick(([], [], ["26"], ["TC"], ["26", "TC"], []))
            units = self.pick((1, 1, 1, 1, 2, 3))
            draw = self.random.random()
            if draw < 0.1:
                pool = p.both_sides[kind]
                modifiers = modifiers + self.pick((["50"], ["50"], ["LT"], []))
                units = 1 if "50" in modifiers else units
            elif draw < 0.16:
                pool = p.two_sided[kind]
                modifiers = modifiers + self.pick((["50"], ["RT"], []))
                units = 1 if "50" in modifiers else units
            elif draw < 0.26 and kind in "67":
                pool, modifiers = p.technical[kind], []
            elif draw < 0.3:
                pool = p.by_contract_imaging
            elif draw < 0.4 and kind == "4":
                pool = p.capped
            if kind == "6" and self.chance(0.12):
                pool, modifiers, units = p.whole, [], self.pick((1, 1, 1, 2))
            draw = self.random.random()
            if draw < 0.1:
                modifiers = [*modifiers, self.pick(("59", "XE", "XS", "76"))]
            elif draw < 0.18:
                modifiers = [*modifiers, *self.sample(["FX", "FY", "CT"], self.pick((1, 1, 2)))]
            elif draw < 0.24:
                modifiers = [*modifiers, self.pick(("22", "52", "GY", "ZZ"))]
            lines.append((self.pick(pool), list(modifiers), units))
        return lines

    def imaging(self, p, claim):
        return self.diagnostic(p, claim, "4")

    def cardiovascular(self, p, claim):
        return self.diagnostic(p, claim, "6")

    def ophthalmology(self, p, claim):
        return self.diagnostic(p, claim, "7")

    def whole_alone(self, p, claim):
        """A PC/TC 4 code, mostly without another technical part of its list."""
        lines = [(self.pick(p.whole), [], self.pick((1, 1, 1, 1, 2)))]
        if self.chance(0.3):
            lines.append((self.pick(p.diagnostic["6"]), ["26"], 1))
        if self.chance(0.2):
            lines.append((self.pick(p.diagnostic["6"]), self.pick(([], ["22"], ["TC"])), 1))
        return [*lines, (self.pick(p.visits), [], 1)]

    def lists_together(self, p, claim):
        lines = self.diagnostic(p, claim, "467")[:4] + self.therapy(p, claim)[:2]
        return lines + [(self.pick(p.any_surgery), [], 1) for _ in range(2)]

    def technology(self, p, claim):
        lines = []
        for _ in range(self.random.randint(1, 3)):
            pool = self.pick(
                (p.split, p.split, p.split, p.diagnostic["4"], p.surgical_split, p.pctc["3"], p.unsplittable or p.split)
            )
            modifiers = self.pick(([], [], ["TC"], ["26"])) + self.sample(["FX", "FY", "CT"], self.pick((1, 1, 2, 3)))
            lines.append((self.pick(pool), modifiers, self.pick((1, 1, 2))))
        return lines

    def surgical_components(self, p, claim):
        """Surgical codes that have a professional and a technical part."""
        lines = []
        for code in self.sample(p.surgical_split, self.pick((1, 2, 3))):
            lines.append((code, self.pick(([], ["26"], ["TC"], ["FX"], ["CT"])), self.pick((1, 1, 2))))
        return [*lines, (self.pick(p.any_surgery), [], 1)]

    def pair(self, p, claim):
        """LT and RT of one code, alike or nearly so."""
        lines = []
        for _ in range(self.pick((1, 1, 2))):
            pool = self.pick(
                (
                    p.surgery["1"],
                    p.surgery["1"],
                    p.surgery["0"],
                    p.surgery["2"],
                    p.one_sided,
                    p.both_sides[self.pick("0467")],
                    p.two_sided[self.pick("0467")],
                    p.surgery["9"],
                )
            )
            code = self.pick(pool)
            also = self.sample(["59", "80", "22", "58", "79", "26", "54", "AS", "GY", "51"], 1) if self.chance(0.3) else []
            sides = self.pick((("LT", "RT"), ("RT", "LT")))
            one, two = (code, [sides[0], *also], 1), (code, [*also, sides[1]], 1)
            draw = self.random.random()
            if draw < 0.06:
                two = (code, [sides[1], "76"], 1)
            elif draw < 0.12:
                two = (code, [sides[1], *also], 2)
            elif draw < 0.16:
                lines.append((code, [], 1))
            elif draw < 0.19:
                one = (code, ["LT", "RT"], 1)
            elif draw < 0.22:
                one = (code, ["LT", "50"], 1)
            lines += [one, two]
        for _ in range(self.pick((0, 0, 1, 2, 4))):
            lines.append((self.pick(p.any_surgery), [], 1))
        self.random.shuffle(lines)
        return lines

    def bilateral(self, p, claim):
        lines = []
        for _ in range(self.random.randint(1, 4)):
            pool = self.pick((*p.surgery.values(), p.one_sided, *p.both_sides.values(), *p.two_sided.values()))
            modifiers, units = self.pick(((["50"], 1), (["50"], 1), ([], 2), ([], 3), (["LT"], 2), (["50"], 2)))
            lines.append((self.pick(pool), list(modifiers), units))
        return lines

    def package(self, p, claim):
        """54, 55, 56 and 78 on every kind of global."""
        lines = []
        for _ in range(self.random.randint(1, 3)):
            pool = p.globals[self.pick(("090", "090", "010", "010", "000", "000", "XXX", "MMM", "ZZZ"))]
            pool = p.unsplit if self.chance(0.06) else pool
            modifiers = self.pick((["54"], ["55"], ["54", "55"], ["56"], ["78"], ["78"], ["54", "62"], ["55", "80"]))
            lines.append((self.pick(pool), list(modifiers), 1))
        return lines

    def anesthesia(self, p, claim):
        claim["types"] = ("physician", "physician", "CRNA", "NP")
        lines = []
        for _ in range(self.pick((1, 1, 1, 2, 3))):
            modifiers = [self.pick(("AA", "AA", "AD", "QK", "QX", "QY", "QZ"))]
            draw = self.random.random()
            if draw < 0.05:
                modifiers = []
            elif draw < 0.1:
                modifiers.append(self.pick(("QZ", "QK", "AD")))
            elif draw < 0.3:
                modifiers.append(self.pick(("QS", "G8", "G9", "23", "GC", "59", "33", "PT", "CQ")))
            elif draw < 0.37:
                modifiers.append(self.pick(("22", "50", "78", "80", "62", "GY", "54", "26", "ZZ", "66", "AS")))
            code = "01999" if self.chance(0.02) else self.pick(p.status["J"])
            if self.chance(0.03):
                code = self.pick(p.any_surgery)
            lines.append((code, modifiers, self.pick((1, 1, 1, 6))))
        if self.chance(0.15):
            lines.append((self.pick(p.status["T"] + p.visits), [], 1))
        return lines

    def technical_places(self, p, claim):
        """Every PC/TC indicator in every kind of place."""
        claim["pos"] = HOSPITAL_POS + OTHER_FACILITY_POS + ("11",)
        claim["settings"] = ("facility", "facility", "nonfacility")
        lines = []
        for _ in range(self.random.randint(1, 5)):
            pctc = self.pick("1123345567789")
            modifiers = ["26"] if pctc == "6" else self.pick(([], [], ["26"], ["TC"])) if pctc == "1" else []
            lines.append((self.pick(p.pctc[pctc]), list(modifiers), 1))
        return lines

    def na(self, p, claim):
        setting = self.pick(("facility", "nonfacility"))
        claim["pos"] = HOSPITAL_POS if setting == "facility" else OFFICE_POS
        return [(c, [], 1) for c in self.pick(p.na[setting], self.random.randint(1, 4))]

    def statuses(self, p, claim):
        lines = []
        for _ in range(self.random.randint(1, 5)):
            draw = self.random.random()
            pool = p.status[self.pick("BCEIMNPX")]
            if draw < 0.25:
                pool = p.restricted
            elif draw < 0.35:
                pool = p.unrestricted
            elif draw < 0.45:
                pool = ["97353", "ZZZZZ", "0000", "00000"]
            elif draw < 0.6:
                pool = p.status["T"]
            lines.append((self.pick(pool), [self.pick(("GY", "GA", "26", "ZZ"))] if self.chance(0.1) else [], 1))
        return lines

    def alone(self, p, claim):
        """Status T by itself, with others of its kind, and beside lines of every outcome."""
        lines = [(c, [], self.pick((1, 1, 2))) for c in self.pick(p.status["T"], self.pick((1, 1, 2)))]
        if self.chance(0.2):
            lines.append(("36598", self.pick(([], ["LT"], ["50"], ["22"])), 1))
        beside = self.pick(("", "zero", "cannot", "priced", "anesthesia", "second", "several"))
        if beside in ("zero", "several"):
            lines.append((self.pick(p.status[self.pick("BINX")]), [], 1))
        if beside in ("cannot", "several"):
            lines.append((self.pick(p.status["C"]), [], 1))
        if beside == "priced":
            lines.append((self.pick(p.visits), self.pick(([], ["GY"], ["22"])), 1))
        if beside == "anesthesia":
            lines.append((self.pick(p.status["J"]), ["AA"], 1))
        if beside == "second":
            lines.append((self.pick(p.any_surgery), ["22"], 1))
        return lines

    def nasty(self, p, claim):
        """Any code with any modifiers."""
        lines = []
        for _ in range(self.random.randint(1, 8)):
            pool = self.pick((p.any, p.any_surgery, p.split, p.diagnostic[self.pick("467")], p.therapy, p.visits))
            modifiers = self.sample(PAYING, self.pick((0, 1, 1, 2, 3))) + self.sample(INFORMATIONAL, self.pick((0, 1, 1, 2)))
            if self.chance(0.1):
                modifiers.append(self.pick(UNLISTED))
            if self.chance(0.05):
                modifiers = [*self.sample(INFORMATIONAL, 4), self.pick(PAYING)]
            elif self.chance(0.1) and modifiers:
                modifiers = modifiers[:3] + modifiers[:1]
            else:
                modifiers = modifiers[:4]
            lines.append((self.pick(pool), modifiers, self.random.randint(1, 6)))
        return lines

    def informational(self, p, claim):
        lines = []
        for _ in range(self.random.randint(1, 4)):
            pool = self.pick((p.any_surgery, p.visits, p.split, p.globals["090"], p.diagnostic[self.pick("467")]))
            lines.append((self.pick(pool), self.sample(INFORMATIONAL, self.pick((1, 2, 3))), 1))
        return lines

    def corner(self, p, claim):
        """Cases that chance alone would seldom make."""
        pick, sample = self.pick, self.sample
        stopped = pick(p.stopped)
        unsplit = pick(p.unsplittable or p.split)
        several = pick(("80", "AS", "62"))
        many = p.cosurgery["2"] if several == "62" else p.assisted["2"]
        base = pick([b for b in sorted(p.families) if len(p.families[b]) > 2] or sorted(p.families))
        family = [(c, [], 1) for c in sample(p.families[base], 2)]
        case = pick(
            (
                [(stopped, ["53"], 1), (pick(p.any_surgery), [], 1)],
                [(stopped, ["53"], pick((1, 2)))],
                [(pick(p.any_surgery + p.visits), ["26", "TC"], 1), ("86153", pick(([], ["26"])), 1)],
                [(pick(p.split), ["53", pick(("26", "TC"))], 1)],
                [(pick(p.visits), sample(INFORMATIONAL, 5), 1)],
                [(pick(p.surgery["1"]), ["50", pick(("LT", "RT"))], 1)],
                [(pick(p.surgery["1"]), ["LT", "RT"], 1)],
                [(pick(p.globals["010"]), ["78"], 1)],
                [(pick(p.unsplit), [pick(("78", "54", "55"))], 1)],
                [(pick(p.team[pick("00012")]), ["66"], 1)],
                [(c, [several], 1) for c in sample(many, 7)],
                [(c, [several], pick((1, 2, 3))) for c in sample(many, 4)],
                [(pick(many), [several, pick(("80", "62", "AS", "66", "78", "54"))], 1), (pick(many), [several], 1)],
                [(unsplit, [pick(("FX", "FY", "CT"))], 1), (pick(p.any_surgery), [pick(("53", "TC"))], 1)],
                [(unsplit, [pick(("FX", "FY", "CT"))], 1), (pick(p.unsplit), ["78"], 1)],
                [(pick(p.both_sides["0"]), ["50"], 1), (pick(p.pctc["5"]), [], 1)],
                [(pick(p.status["J"]), ["AD"], 1), (pick(p.team["1"]), ["66"], 1), (pick(p.surgery["0"]), ["56"], 1)],
                [(unsplit, sample(["FX", "GY", "ZZ"], 2), 1), (pick(p.split), ["TC", pick(("FX", "FY", "CT"))], 1)],
                [("01999", [pick(("AA", "AD"))], 1), ("01935", ["QZ"], 1)],
                [(pick(p.status["J"]), [pick(("QX", "QY", "QK", "QZ", "AD"))], 1), (pick(p.status["P"]), [], 1)],
                [(pick(p.status[s]), sample(["GY", "22", "26", "GA"], pick((0, 0, 0, 1))), 1) for s in sample("BEIMNPX", 3)],
                [(pick(p.unrestricted), [], 1), (pick(p.pctc[pick("555567")]), ["ZZ"] if self.chance(0.3) else [], 1)],
                [(pick(p.visits), [pick(("33", "PT"))], 1), (pick(p.any_surgery), [pick(("33", "PT"))], 1)],
                [(pick(p.diagnostic["4"]), [pick(("59", "XE"))], 1), (pick(p.diagnostic["4"]), [], 1)],
                [(pick(p.both_sides[pick("0467")]), [side], 1) for side in ("LT", "RT")],
                [(pick(p.globals[g]), ["78"], 1) for g in ("000", "090", "XXX")],
                [(pick(p.globals["090"]), pick((["54"], ["55"], ["54", "55"])), 1)],
                [(pick(p.unsplit), [pick(("78", "54"))], 1), (pick(p.globals["090"]), ["66"], 1)],
                [(pick(p.status["J"]), ["AA", *sample(["QK", "GC"], 1)], 1), (pick(p.surgery["9"]), ["50"], 1)],
                [("85060", [], 1)],
                [*family, *((c, [], 1) for c in sample(p.globals["090"], 6))],
                [*family, *((c, [], 2) for c in sample(p.globals["090"], 3))],
                [(family[0][0], ["22"], 1), *family[1:], (base, [], 1)],
                [(family[0][0], [], 2), *family[1:], (pick(p.any_surgery), ["22"], 1)],
                [(family[0][0], ["80"], 1), (family[1][0] if family[1:] else base, ["AS"], 2), (base, [], 1)],
                [(c, [], pick((1, 1, 2))) for c in [pick(pick((p.any_surgery, p.diagnostic["4"], p.therapy)))] * 3],
                [(pick(p.capped), [pick(("TC", "26", "FX"))], pick((1, 2))), (pick(p.capped), [pick(("TC", "CT"))], 1)],
                [(pick(p.surgery["2"] + p.surgery["0"]), [side], 1) for side in ("LT", "RT")],
                [(pick(p.diagnostic["7"]), [pick(("22", "52"))], 1), (pick(p.diagnostic["7"]), [], 1)],
                [(pick(p.whole), [], 1), (pick(p.diagnostic["6"]), pick(([], ["26"])), 1), (pick(p.status["M"]), [], 1)],
            )
        )
        if case[0][0] == "85060":
            claim["pos"] = ("21", "22", "11")
        if len(case) == 2 and case[0][1] == ["LT"] and case[1][1] == ["RT"]:
            case[1] = (case[0][0], ["RT"], 1)
        return [(c, list(m), u) for c, m, u in case]

    def corners(self, p, claim):
        return self.corner(p, claim) + (self.corner(p, claim) if self.chance(0.6) else [])

    def pair_with_charges(self, p, claim):
        claim["charged"] = True
        return self.pair(p, claim)

    KINDS = (
        (therapy, 8),
        (visit, 8),
        (surgery, 13),
        (long_surgery, 4),
        (roles, 9),
        (endoscopy, 12),
        (imaging, 10),
        (cardiovascular, 7),
        (ophthalmology, 6),
        (whole_alone, 3),
        (lists_together, 4),
        (technology, 4),
        (surgical_components, 2),
        (corners, 58),
        (pair, 8),
        (pair_with_charges, 13),
        (bilateral, 4),
        (package, 8),
        (anesthesia, 17),
        (technical_places, 4),
        (na, 2),
        (statuses, 8),
        (alone, 4),
        (nasty, 5),
        (informational, 4),
    )

    # What the lines of a claim have in common ------------------------------------------------------------------------------

    def setting(self, claim):
        """POS or an explicit setting."""
        if self.chance(0.15):
            return {"setting": self.pick(claim.get("settings", ("facility", "nonfacility")))}
        if "pos" in claim:
            return {"pos": self.pick(claim["pos"])}
        draw = self.random.random()
        if draw < 0.55:
            return {"pos": self.pick(OFFICE_POS)}
        if draw < 0.9:
            return {"pos": self.pick(HOSPITAL_POS)}
        return {"pos": self.pick(OTHER_FACILITY_POS if draw < 0.96 else RARE_POS)}

    def charge(self, p, line, charged):
        """About the fee: well below, a cent around it, or well above; often none."""
        if self.chance(0.05 if charged else 0.6):
            return None
        chosen = {"26", "TC", "53"} & set(line["modifiers"].split())
        row = p.rows.get((line["hcpcs"], min(chosen) if len(chosen) == 1 else ""))
        if row is None or row["status"] == "J":
            return self.random.randint(2000, 90000)
        setting = line.get("setting") or ("facility" if line.get("pos") in HOSPITAL_POS + OTHER_FACILITY_POS else "nonfacility")
        rvus = row["work"] + row[f"pe_{setting}"] + row["mp"]
        fee = (rvus * FACTORS.get(line["service_date"].year, 323465) + 5000) // 10000
        share = self.pick((20, 20, 30, 45, 60, 75, 75, 100) if charged else (30, 60, 85, 95, 100, 100, 105, 150, 300))
        return max(1, fee * line["units"] * share // 100 + self.pick((0, 0, 0, -1, 1)))

    def claim(self, number):
        release, first, last, _ = self.random.choices(SPANS, [s[3] for s in SPANS])[0]
        p = pools(self.schedule, release)
        on = first + timedelta(self.random.randrange((last - first).days + 1))
        claim: dict = {}
        make = self.random.choices([k for k, _ in self.KINDS], [w for _, w in self.KINDS])[0]
        lines = make(self, p, claim)[:8]

        mac, locality = ("", "national") if self.chance(0.12) else self.pick(p.places)
        if make is Maker.corners and not mac and self.chance(0.7):
            mac, locality = self.pick(p.places)
        if self.chance(0.008):
            mac, locality = self.pick((("99999", "00"), ("10112", "99"), ("", "00")))
        common = {
            "claim_id": f"C{number}" if self.chance(0.97) else None,
            "mac": mac,
            "locality": locality,
            "qp": self.chance(0.4),
            "provider_type": "physician",
            "participation": "nonparticipating" if self.chance(0.2) else "participating",
        }
        if self.chance(0.35):
            common["provider_type"] = self.pick(claim.get("types", ("physician", *TYPES)))
        deductible = self.pick((0, 0, 0, 0, 500, 2500, 10000, 25700))
        where = self.setting(claim)
        numbers = list(range(1, len(lines) + 1))
        if self.chance(0.15):
            self.random.shuffle(numbers)
        elif self.chance(0.05):
            numbers = [10 * n for n in numbers]
        made = []
        for (code, modifiers, units), line_number in zip(lines, numbers, strict=True):
            line = {
                **common,
                **(where if self.chance(0.96) else self.setting(claim)),
                "line": line_number,
                "service_date": on,
                "hcpcs": code,
                "modifiers": " ".join(modifiers),
                "units": units,
            }
            if self.chance(0.02):
                line["mac"], line["locality"] = self.pick(p.places)
            if self.chance(0.03):
                line["service_date"] = min(on + timedelta(1), last)
            if deductible:
                line["deductible_left"] = deductible
            if make in (Maker.anesthesia, Maker.alone, Maker.nasty, Maker.corners):
                minutes = self.pick((self.random.randint(1, 240), 15, 7, 8, 95, 1440))
                line["minutes"] = self.pick((None, 0, 1441)) if self.chance(0.13) else minutes
                line["induction"] = self.chance(0.5)
            line["charge"] = self.charge(p, line, claim.get("charged", False))
            made.append(line)
        return made


def random_claims(schedule, count: int, seed: int) -> list[dict]:
    """The lines of `count` claims, claim after claim."""
    maker = Maker(schedule, seed)
    return [line for number in range(count) for line in maker.claim(number)]


def main() -> None:
    from pricer import Reference

    from feecalc.schedule import Schedule

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    schedule = Schedule.open()
    lines = random_claims(schedule, count, seed)
    reference = Reference(schedule)
    started = time.monotonic()
    results = reference.price(lines)
    seconds = time.monotonic() - started
    outcomes = {o: sum(r["outcome"] == o for r in results) for o in ("priced", "zero", "cannot_price")}
    print(f"{count} claims, {len(lines)} lines, {seconds:.1f} s: {outcomes}")
    for rule, hits in sorted(reference.hits.items()):
        print(f"{hits:7}  {rule}")


if __name__ == "__main__":
    main()
