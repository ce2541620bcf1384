"""Readers of the files that CMS publishes with the Physician Fee Schedule: zips in, checked tables out.

`read_release` reads a whole relative value release, `read_zip_file` a ZIP to locality file, `read_payment_amounts` a
payment file; `what_is` tells which of them a download is. The tables are those of `feecalc.columns`.
"""

from feecalc.cms.archive import Member, Source, members
from feecalc.cms.kinds import Kind, recognise
from feecalc.cms.normalize import ReleaseFiles, ZipFile, read_payment_file, read_release, read_zip_file, what_is
from feecalc.cms.payment_amounts import read_payment_amounts
from feecalc.cms.table import Table

__all__ = [
    "Kind",
    "Member",
    "ReleaseFiles",
    "Source",
    "Table",
    "ZipFile",
    "members",
    "read_payment_amounts",
    "read_payment_file",
    "read_release",
    "read_zip_file",
    "recognise",
    "what_is",
]
