"""Make the built-in schedule (data/processed) from CMS's files: figures and codes only, the same files always the same bytes.

python scripts/normalize.py [FOLDER_OR_FILE ...] [--out data/processed]

Of a folder it takes the zips, and the republished NCCI tables (ncci-*.parquet, ncci-*.csv).
"""

import argparse
import shutil
import sys
from pathlib import Path

from feecalc.errors import FeecalcError
from feecalc.importing import build
from feecalc.paths import new_folder

ROOT = Path(__file__).resolve().parents[1]
TAKEN = ("*.zip", "ncci-*.parquet", "ncci-*.csv")


def taken(source: Path) -> list[Path]:
    """A file itself, or the files of a folder that can be read."""
    return [source] if source.is_file() else [file for pattern in TAKEN for file in source.glob(pattern)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, default=[ROOT / "data" / "raw"], help="files, or folders of them")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "processed")
    args = parser.parse_args()
    files = sorted(file for source in args.sources for file in taken(source))
    if not files:
        print(f"No files of CMS's in {', '.join(map(str, args.sources))}. See data/raw/README.md.", file=sys.stderr)
        return 2
    fresh = args.out.with_name(f"{args.out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with new_folder(fresh) as scratch:
            added, passed_over = build(files, scratch)
    except FeecalcError as error:
        print(f"{error}\n{args.out} is as it was.", file=sys.stderr)
        return 2
    for one in added:
        print(one.name)
        for note in one.notes:
            print(f"  {note}")
    for file in passed_over:
        print(f"{file.name}: neither a release, nor a ZIP-to-locality file, nor an NCCI table; passed over")
    if args.out.exists():
        shutil.rmtree(args.out)
    fresh.rename(args.out)
    size = sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file())
    print(f"{args.out}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
