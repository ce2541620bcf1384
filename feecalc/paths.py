"""Where feecalc keeps things, and the one way in which it writes them: beside the target, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def builtin() -> Path:
    """Folder of the built-in schedule: inside the installed package, or `data/processed` of a checkout."""
    packaged = PACKAGE / "data"
    return packaged if packaged.is_dir() else PACKAGE.parent / "data" / "processed"


def home() -> Path:
    """Folder of the user's own releases and settings: `FEECALC_HOME`, else the platform's data folder. May not exist yet."""
    if chosen := os.environ.get("FEECALC_HOME"):
        return Path(chosen).expanduser()
    import platformdirs  # imported late: most runs on a server name the folder

    return Path(platformdirs.user_data_dir("feecalc", appauthor=False))


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that becomes `target` when the block ends well, and vanishes when it does not.

    `target` must not exist: a rename onto a filled folder is not atomic anywhere.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        os.replace(scratch, target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`, with the same ending, that replaces `target` when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        umask = os.umask(0)
        os.umask(umask)
        scratch.chmod(0o666 & ~umask)
        os.replace(scratch, target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
