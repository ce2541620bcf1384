"""What stands under every page and in every file that is taken away."""

DISCLAIMER = "An estimate from public fee files. Not a coverage decision, and not a promise of payment."
NOTICE = (
    "Fees are worked out from the fee schedule files that the Centers for Medicare & Medicaid Services (CMS) publish; CMS has"
    " not reviewed this page. CPT codes belong to the American Medical Association (AMA). feecalc shows its own plain words for"
    " some codes and carries no CPT descriptions; those appear only from files that you imported under your own license."
)
NOTICES = (("Notice", DISCLAIMER), ("Notice", NOTICE))
