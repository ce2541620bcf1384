"""The table of pages: `streamlit run app.py`, or `feecalc app` where feecalc is installed."""

from pathlib import Path

import streamlit as st

import feecalc

PAGES = Path(feecalc.__file__).resolve().parent / "ui" / "pages"  # beside the package, wherever this file lies

# No icons here: Streamlit would fetch them from the web for the browser's tab, and nothing is to leave the machine.
st.navigation(
    {
        "Estimate": [
            st.Page(PAGES / "price_a_code.py", title="Price a code", default=True),
            st.Page(PAGES / "price_a_visit.py", title="Price a visit"),
        ],
        "My practice": [
            st.Page(PAGES / "revenue.py", title="Revenue"),
            st.Page(PAGES / "contracts.py", title="Contracts"),
        ],
        "Payments": [
            st.Page(PAGES / "check_payments.py", title="Check payments"),
        ],
        "Fee schedules": [
            st.Page(PAGES / "what_changed.py", title="What changed"),
            st.Page(PAGES / "export_schedules.py", title="Export"),
            st.Page(PAGES / "data.py", title="Data"),
        ],
    }
).run()
