"""Uploads stay in memory.

Streamlit's server reads an upload with Starlette, which puts files of more than a megabyte into a temporary file first. They
may name patients, and nothing of them is to be on a disk. Their size is bounded by server.maxUploadSize.
"""

import sys

from starlette.formparsers import MultiPartParser


def keep_in_memory() -> None:
    """From now on no upload to this server is put into a temporary file."""
    MultiPartParser.spool_max_size = sys.maxsize
