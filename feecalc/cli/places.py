"""The places of a question, of the commands that answer for several."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # what it needs is imported when a command runs
    from feecalc.api import OpenSchedule
    from feecalc.locality import Place


@dataclass(frozen=True)
class Places:
    """The places as typed; none of them: nationwide."""

    zips: tuple[str, ...]
    localities: tuple[str, ...]
    states: tuple[str, ...]
    national: bool

    @property
    def given(self) -> bool:
        """Whether any place was named."""
        return bool(self.zips or self.localities or self.states or self.national)

    def of(self, opened: "OpenSchedule", release: str) -> "tuple[Place, ...]":
        """The places in a release, each once. Raises InputError for one that is not known, or that may be several."""
        from feecalc import locality
        from feecalc.errors import InputError
        from feecalc.locality import NATIONWIDE

        schedule = opened.schedule
        on = schedule.release(release).effective
        answers = [
            *(locality.by_zip(schedule, release, text, on) for text in self.zips),
            *(locality.named(schedule, release, *locality.parse_key(text)) for text in self.localities),
            *(locality.by_state(schedule, release, text) for text in self.states),
        ]
        for answer in answers:
            if answer.place is None:
                raise InputError(f"{answer.detail} List them with: feecalc localities")
        found = [NATIONWIDE] if self.national or not answers else []
        return tuple(dict.fromkeys([*found, *(answer.place for answer in answers if answer.place is not None)]))


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for places, each of them as often as wanted; the command gets `places`."""

    def gathered(*args: Any, zips: Any, localities: Any, states: Any, national: bool, **others: Any) -> Any:
        return command(*args, places=Places(zips, localities, states, national), **others)

    gathered.__doc__ = command.__doc__
    gathered.__name__ = command.__name__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--national", is_flag=True, help="The national amounts (the default)."),
        click.option("--state", "states", multiple=True, help="Two-letter state with a single locality."),
        click.option("--locality", "localities", multiple=True, help="MAC and locality, such as 10112-00 (again for several)."),
        click.option("--zip", "zips", multiple=True, help="ZIP code of a place (again for several)."),
    ):
        gathered = option(gathered)
    return gathered
