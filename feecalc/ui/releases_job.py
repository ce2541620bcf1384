"""A refresh from CMS beside the pages: one at a time for a data folder, in a thread, with what it says as it goes.

Every session sees the same job, and a page that is closed does not end it. The thread touches nothing of a page: the page
asks for a `Glance` and draws it.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from feecalc import paths
from feecalc.analysis import refresh
from feecalc.analysis.refresh import Report, Wanted
from feecalc.cms.download import Client, Progress
from feecalc.errors import FeecalcError

LOG = logging.getLogger(__name__)


class StoppedError(Exception):
    """The person stopped the job. Never shown: the page says so in its own words."""


@dataclass(frozen=True)
class Glance:
    """How far a job is. `said` are its lines so far, `files` how far each download is, in the order in which they began.

    `expected` is how many files an earlier look found, None where nobody looked; `begun` how many were begun; `quiet` the
    seconds since anything was heard of it. `report` stands when it ended well, `problem` when it did not, and neither when it
    was stopped.
    """

    wanted: Wanted
    dry_run: bool
    running: bool
    said: tuple[str, ...] = ()
    files: tuple[Progress, ...] = ()
    begun: int = 0
    expected: int | None = None
    seconds: float = 0.0
    quiet: float = 0.0
    report: Report | None = None
    problem: str = ""
    stopping: bool = False

    @property
    def stopped(self) -> bool:
        """Whether it ended because the person wanted it to."""
        return self.stopping and not self.running and self.report is None and not self.problem


@dataclass
class Job:
    """A look at what CMS has (`dry_run`), or a refresh."""

    wanted: Wanted
    dry_run: bool
    take_changed: bool
    home: Path
    expected: int | None = None
    _said: list[str] = field(default_factory=list)
    _files: dict[str, Progress] = field(default_factory=dict)
    _report: Report | None = None
    _problem: str = ""
    _began: float = field(default_factory=time.monotonic)
    _heard: float = field(default_factory=time.monotonic)
    _ended: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin, in a thread that does not keep the program from ending."""
        threading.Thread(target=self._run, name="refresh", daemon=True).start()

    def stop(self) -> None:
        """End at the next word or the next bytes. What was taken over stays; a part of a file waits to be resumed."""
        self._stop.set()

    def glance(self) -> Glance:
        """How far it is now."""
        with self._lock:
            until = time.monotonic() if self._ended is None else self._ended
            return Glance(
                wanted=self.wanted,
                dry_run=self.dry_run,
                running=self._ended is None,
                said=tuple(self._said),
                files=tuple(self._files.values()),
                begun=sum(line.startswith("Fetching ") for line in self._said),
                expected=self.expected,
                seconds=until - self._began,
                quiet=until - self._heard,
                report=self._report,
                problem=self._problem,
                stopping=self._stop.is_set(),
            )

    def _run(self) -> None:
        report, problem = None, ""
        try:
            client = Client(progress=self._progress)
            report = refresh.refresh(
                self.wanted,
                client=client,
                home=self.home,
                dry_run=self.dry_run,
                take_changed=self.take_changed,
                tell=self._tell,
            )
        except StoppedError:
            pass
        except (FeecalcError, OSError) as error:
            problem = str(error)
        except Exception as error:
            LOG.exception("a refresh failed")
            problem = f"Something went wrong that feecalc did not foresee ({type(error).__name__}: {error}). See the app's log."
        with self._lock:
            self._report, self._problem, self._ended = report, problem, time.monotonic()

    def _tell(self, line: str) -> None:
        self._heed()
        with self._lock:
            self._said.append(line)
            self._heard = time.monotonic()

    def _progress(self, step: Progress) -> None:
        self._heed()
        with self._lock:
            self._files[step.name] = step
            self._heard = time.monotonic()

    def _heed(self) -> None:
        if self._stop.is_set():
            raise StoppedError


_jobs: dict[Path, Job] = {}
_jobs_lock = threading.Lock()


def current() -> Job | None:
    """The job of the data folder: at work, or the last one."""
    return _jobs.get(paths.home())


def begin(wanted: Wanted, *, dry_run: bool, take_changed: bool = False, expected: int | None = None) -> Job:
    """Start a job, unless one is at work: then that one. A second click, in this window or another, starts no second job."""
    home = paths.home()
    with _jobs_lock:
        job = _jobs.get(home)
        if job is not None and job.glance().running:
            return job
        job = _jobs[home] = Job(wanted, dry_run, take_changed, home, expected)
        job.start()
        return job


def forget() -> None:
    """Drop the last job, unless it is at work."""
    with _jobs_lock:
        job = _jobs.get(paths.home())
        if job is not None and not job.glance().running:
            del _jobs[paths.home()]
