"""One file a page, run by Streamlit; app.py lists them."""
