"""Make the built-in schedule (data/processed) from CMS's zips: figures and codes only, the same zips always the same bytes.

python scripts/normalize.py [FOLDER_OR_ZIP ...] [--out data/processed]
"""

import argparse
import shutil
import sys
from pathlib import Path

from feecalc.errors import FeecalcError
from feecalc.importing import build
from feecalc.paths import new_folder

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, default=[ROOT / "data" / "raw"], help="zips, or folders of zips")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "processed")
    args = parser.parse_args()
    zips = sorted(z for source in args.sources for z in ([source] if source.is_file() else source.glob("*.zip")))
    if not zips:
        print(f"No zip files in {', '.join(map(str, args.sources))}. See data/raw/README.md.", file=sys.stderr)
        return 2
    fresh = args.out.with_name(f"{args.out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with new_folder(fresh) as scratch:
            added, passed_over = build(zips, scratch)
    except FeecalcError as error:
        print(f"{error}\n{args.out} is as it was.", file=sys.stderr)
        return 2
    for one in added:
        print(one.name)
        for note in one.notes:
            print(f"  {note}")
    for file in passed_over:
        print(f"{file.name}: neither a release nor a ZIP-to-locality file, passed over")
    if args.out.exists():
        shutil.rmtree(args.out)
    fresh.rename(args.out)
    size = sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file())
    print(f"{args.out}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
