"""Fetch CMS's zips into data/raw, from which scripts/normalize.py makes the built-in schedule. Nothing is read of them here.

python scripts/download.py [--year 2026 ...] [--release 2026D ...] [--ncci] [--accept-terms] [--accept-changed]
                           [--from BASE_URL] [--out data/raw]

`feecalc refresh` is for users: it checks what it fetches and adds it to their own schedule.
"""

import argparse
import sys
from pathlib import Path

from feecalc import paths
from feecalc.analysis.refresh import Wanted, accept_terms, accepted, plan
from feecalc.cli.refresh import Bars
from feecalc.cms.catalogue import Entry
from feecalc.cms.download import Client
from feecalc.errors import FeecalcError, InputError
from feecalc.schedule import Schedule

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--year", type=int, action="append", default=[])
    parser.add_argument("--release", action="append", default=[])
    parser.add_argument("--ncci", action="store_true")
    parser.add_argument("--accept-terms", action="store_true", help="accept the terms of CMS and the AMA, once")
    parser.add_argument("--accept-changed", action="store_true", help="take files that are not those known by their address")
    parser.add_argument("--from", dest="base", help="the address below which CMS's files lie (FEECALC_CMS_URL)")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "raw")
    args = parser.parse_args()
    failed = False
    try:
        if args.accept_terms:
            accept_terms(paths.home())
        if not accepted(paths.home()):
            raise InputError("Accept the terms of CMS and the AMA first, once: --accept-terms (`feecalc refresh` shows them).")
        client = Client(args.base, agreed=True, progress=Bars().show)
        entries, notes = plan(client, Wanted.of(args.year, args.release, args.ncci), Schedule())
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        for entry in entries:
            failed |= not fetch(client, entry, args.out, args.accept_changed)
    except FeecalcError as error:
        print(error, file=sys.stderr)
        return 2
    return int(failed)


def fetch(client: Client, entry: Entry, out: Path, take_changed: bool) -> bool:
    """Fetch all parts, or the first address that answers with what is known of it; whether that went well."""
    for number, address in enumerate(entry.addresses, 1):
        try:
            got = client.fetch(address, out, None if take_changed else entry.sha256.get(address))
        except FeecalcError as error:
            print(error, file=sys.stderr)
            if entry.parts or number == len(entry.addresses):
                return False
            continue
        print(f"{got.path}  {got.sha256}  {'fetched' if got.fresh else 'unchanged'}")
        if not entry.parts:
            return True
    return True


if __name__ == "__main__":
    sys.exit(main())
