"""Whether machines that price parts of one whole have the same fee schedule."""

import json
from zlib import crc32

from feecalc import __version__
from feecalc.schedule import Schedule


def fingerprint(schedule: Schedule) -> str:
    """Version of feecalc, and a number that stands for the loaded releases and ZIP files, by the hashes of CMS's own files."""
    said = [
        [(name, release.sources) for name, release in sorted(schedule.releases.items())],
        [(str(day), file.sources) for day, file in sorted(schedule.zip_files.items())],
        [(str(day), file.sources) for day, file in sorted(schedule.zip9_files.items())],
    ]
    return f"{__version__} {crc32(json.dumps(said, sort_keys=True, default=str).encode()):08x}"
