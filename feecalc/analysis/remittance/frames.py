"""What a remittance is read into: frames of claims, service lines and adjustments, linked by running numbers.

Money is Int64 cents, counts of units are Int64 thousandths (UNIT_SCALE), codes are text. `segment` is the number of a segment
in its file, from 1, blank segments not counted: with the file's name it says where a row came from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

UNIT_SCALE = 1_000  # units and quantities may have three decimals

# One row per CLP. `claim` numbers the claims of everything that was read together, from 1.
CLAIMS: dict[str, Any] = {
    "claim": pl.Int64,
    "payment": pl.Int64,  # null where the claim stands in no transaction
    "file": pl.String,
    "segment": pl.Int64,
    "payer": pl.String,
    "payer_id": pl.String,
    "payee_npi": pl.String,
    "check_number": pl.String,
    "paid_date": pl.Date,
    "claim_id": pl.String,  # the number that the provider gave it (CLP01)
    "status": pl.String,  # 1 primary, 2 secondary, 3 tertiary, 4 denied, 19-21 with crossover, 22 reversal, 23, 25
    "charge": pl.Int64,
    "paid": pl.Int64,
    "patient_responsibility": pl.Int64,
    "filing": pl.String,  # MB Medicare Part B, MA Part A, 16 Medicare Advantage, CI, BL, ...
    "payer_claim": pl.String,
    "pos": pl.String,
    "frequency": pl.String,
    "date_from": pl.Date,
    "date_to": pl.Date,
    "received_date": pl.Date,
    "rendering_npi": pl.String,
    "crossover": pl.String,  # the payer that the claim was passed on to
    "corrected_payer": pl.String,  # the payer that should have been asked first
    "original_payer_claim": pl.String,  # of the claim that this one corrects (REF F8)
    "remarks": pl.String,  # codes separated by blanks
    "reversal": pl.Boolean,
    "reversal_of": pl.Int64,  # the claim that this reversal takes back, where it was read too
    "reversed_by": pl.Int64,
    "corrects": pl.Int64,  # the reversal that this claim follows with other figures
    "netted": pl.Boolean,  # a claim and its reversal, both read: together they are nothing
    "balanced": pl.Boolean,
}
PATIENT: dict[str, Any] = {
    "patient_name": pl.String,
    "member_id": pl.String,
}  # columns of claims, only where they are asked for

# One row per SVC. Date, place and practitioner are the claim's where the line names none.
LINES: dict[str, Any] = {
    "claim": pl.Int64,
    "line": pl.Int64,  # its place in the claim, from 1
    "segment": pl.Int64,
    "code_type": pl.String,  # HC for HCPCS; N4 for a drug code, and so on
    "hcpcs": pl.String,
    "modifiers": pl.String,  # separated by blanks, "" where there is none
    "billed_hcpcs": pl.String,  # what was sent, where the payer paid another code; else as paid
    "billed_modifiers": pl.String,
    "revenue": pl.String,
    "charge": pl.Int64,
    "paid": pl.Int64,
    "units": pl.Int64,  # thousandths, paid; 1 where the line names none
    "units_billed": pl.Int64,  # thousandths; as paid where the line names none
    "service_date": pl.Date,
    "service_date_to": pl.Date,
    "allowed": pl.Int64,
    "line_control": pl.String,
    "pos": pl.String,
    "rendering_npi": pl.String,
    "remarks": pl.String,
    "balanced": pl.Boolean,
}

# One row per reason of a CAS; `line` is null where it stands at the claim.
ADJUSTMENTS: dict[str, Any] = {
    "claim": pl.Int64,
    "line": pl.Int64,
    "segment": pl.Int64,
    "group": pl.String,
    "reason": pl.String,
    "amount": pl.Int64,
    "quantity": pl.Int64,  # thousandths
}

# One row per AMT, and one per QTY, of a claim or line.
AMOUNTS: dict[str, Any] = {
    "claim": pl.Int64,
    "line": pl.Int64,
    "segment": pl.Int64,
    "qualifier": pl.String,
    "amount": pl.Int64,
}
QUANTITIES: dict[str, Any] = {
    "claim": pl.Int64,
    "line": pl.Int64,
    "segment": pl.Int64,
    "qualifier": pl.String,
    "quantity": pl.Int64,  # thousandths
}

# One row per transaction (ST to SE): a check, a transfer, or a notice without money.
PAYMENTS: dict[str, Any] = {
    "payment": pl.Int64,
    "file": pl.String,
    "segment": pl.Int64,
    "payer": pl.String,
    "payer_id": pl.String,
    "payee": pl.String,
    "payee_npi": pl.String,
    "check_number": pl.String,
    "paid_date": pl.Date,
    "method": pl.String,  # ACH, CHK, NON, ...
    "amount": pl.Int64,
    "claims": pl.Int64,
    "claims_paid": pl.Int64,
    "provider_adjustments": pl.Int64,  # as PLB has it: what is positive lowers the payment
    "balanced": pl.Boolean,
}

# One row per reason of a PLB.
PROVIDER_ADJUSTMENTS: dict[str, Any] = {
    "payment": pl.Int64,
    "file": pl.String,
    "segment": pl.Int64,
    "provider": pl.String,
    "fiscal_date": pl.Date,
    "reason": pl.String,
    "reference": pl.String,
    "amount": pl.Int64,  # what is positive lowers the payment
}

# One row per thing that is wrong. `severity`: error (money or claims are not what the file should say), warning, note.
PROBLEMS: dict[str, Any] = {
    "file": pl.String,
    "segment": pl.Int64,  # null where it is of the file as a whole
    "severity": pl.String,
    "claim": pl.Int64,
    "line": pl.Int64,
    "what": pl.String,
    "to_do": pl.String,
}


@dataclass(frozen=True)
class Remittance:
    """One remittance or several: frames of CLAIMS, LINES, ADJUSTMENTS and the rest, rows in the order of the files."""

    claims: pl.DataFrame
    lines: pl.DataFrame
    adjustments: pl.DataFrame
    amounts: pl.DataFrame
    quantities: pl.DataFrame
    payments: pl.DataFrame
    provider_adjustments: pl.DataFrame
    problems: pl.DataFrame

    @property
    def errors(self) -> pl.DataFrame:
        """The problems that matter to money or claims."""
        return self.problems.filter(pl.col("severity") == "error")


FRAMES: Mapping[str, dict[str, Any]] = {
    "claims": CLAIMS,
    "lines": LINES,
    "adjustments": ADJUSTMENTS,
    "amounts": AMOUNTS,
    "quantities": QUANTITIES,
    "payments": PAYMENTS,
    "provider_adjustments": PROVIDER_ADJUSTMENTS,
    "problems": PROBLEMS,
}
