"""The column names that everybody uses, with their types: text for codes, integers for every figure.

Figures are scaled integers, never floats: an RVU is held in hundredths, a GPCI in thousandths, a conversion factor in
ten-thousandths of a dollar, money in cents. Codes, modifiers, MACs and localities are upper-case, zero-padded text; the
key of a place is MAC (5) + locality (2), never the locality alone.
"""

import polars as pl

# One row per HCPCS and modifier of a release (PPRRVU). Percentages of the global package are in hundredths.
PPRRVU = {
    "hcpcs": pl.String,
    "modifier": pl.String,  # "", 26, TC or 53
    "status": pl.String,
    "not_used_for_medicare": pl.Boolean,
    "work": pl.Int32,
    "pe_nonfacility": pl.Int32,
    "na_nonfacility": pl.Boolean,
    "pe_facility": pl.Int32,
    "na_facility": pl.Boolean,
    "mp": pl.Int32,
    "pctc": pl.String,
    "global_days": pl.String,
    "pre_op": pl.Int16,
    "intra_op": pl.Int16,
    "post_op": pl.Int16,
    "mult_proc": pl.String,
    "bilateral": pl.String,
    "assistant_surgery": pl.String,
    "co_surgery": pl.String,
    "team_surgery": pl.String,
    "pricing_indicator": pl.String,  # "" before 2026
    "endo_base": pl.String,  # "" where none
    "supervision": pl.String,
    "calculation_flag": pl.String,
    "imaging_family": pl.String,
    "opps_pe_nonfacility": pl.Int32,
    "opps_pe_facility": pl.Int32,
    "opps_mp": pl.Int32,
}

# One row per MAC and locality. `work_unfloored` is null where CMS did not print a column without the 1.0 work floor.
GPCI = {
    "mac": pl.String,
    "locality": pl.String,
    "state": pl.String,  # two letters; null before 2021
    "name": pl.String,
    "work": pl.Int32,
    "work_unfloored": pl.Int32,
    "pe": pl.Int32,
    "mp": pl.Int32,
}

# One row per MAC and locality: anesthesia conversion factors in cents; `factor_qp` is null before 2026.
ANESTHESIA = {
    "mac": pl.String,
    "locality": pl.String,
    "factor": pl.Int32,
    "factor_qp": pl.Int32,
}

# One row per MAC and locality, as CMS's county file describes it.
LOCALITIES = {
    "mac": pl.String,
    "locality": pl.String,
    "state_name": pl.String,
    "area": pl.String,
    "counties": pl.String,
}

# One row per ZIP. `plus_four` means that the ZIP spans localities, so that the four-digit extension decides.
ZIP5 = {
    "zip": pl.String,
    "state": pl.String,
    "mac": pl.String,
    "locality": pl.String,
    "plus_four": pl.Boolean,
}

# One row per ZIP and four-digit extension.
ZIP9 = {
    "zip": pl.String,
    "extension": pl.String,
    "state": pl.String,
    "mac": pl.String,
    "locality": pl.String,
}

# One row per HCPCS, modifier, MAC and locality: CMS's own cap prices, in cents.
OPPS_CAP = {
    "hcpcs": pl.String,
    "modifier": pl.String,
    "status": pl.String,
    "mac": pl.String,
    "locality": pl.String,
    "facility": pl.Int32,
    "nonfacility": pl.Int32,
}

# One row per HCPCS, modifier, MAC and locality of a payment-amount file, in cents.
PAYMENT_AMOUNTS = {
    "row": pl.UInt32,  # row of the file, from 1
    "year": pl.String,
    "mac": pl.String,
    "locality": pl.String,
    "hcpcs": pl.String,
    "modifier": pl.String,
    "nonfacility": pl.Int64,
    "facility": pl.Int64,
    "pctc": pl.String,
    "status": pl.String,
    "mult_proc": pl.String,
    "therapy_nonfacility": pl.Int64,
    "therapy_facility": pl.Int64,
    "opps_indicator": pl.String,
    "opps_nonfacility": pl.Int64,
    "opps_facility": pl.Int64,
}
