"""The command line: thin commands over feecalc.api. A command's module is imported when the command runs."""

import atexit
import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from feecalc import __version__
from feecalc.errors import FeecalcError

# polars hands memory back to the system as soon as it is free, and a claims file asks for it again with the next batch: for a
# command that ends soon it is kept a while. Read when polars is first imported, and not set where a person has set it.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:20000,muzzy_decay_ms:20000")

COMMANDS = {
    "price": ("feecalc.cli.price", "Price one code, or the codes of one day together."),
    "visit": ("feecalc.cli.visit", "Price a visit: units from minutes, edits, modifiers, what it pays."),
    "units": ("feecalc.cli.units", "Therapy minutes to units."),
    "edits": ("feecalc.cli.edits", "Check a day's codes against NCCI: pairs, units, add-on codes."),
    "guide": ("feecalc.cli.guide", "Show the codes that serve a goal, and how they differ."),
    "revenue": ("feecalc.cli.revenue", "Price a practice's volumes: what Medicare pays for its codes."),
    "contracts": ("feecalc.cli.contracts", "Payers' contracts against Medicare, by your own volumes."),
    "reprice": ("feecalc.cli.reprice", "Price a claims file."),
    "check": ("feecalc.cli.check", "Check remittances: what should have been paid, and why it differs."),
    "schedule": ("feecalc.cli.schedule", "Write the fee schedule of a release."),
    "diff": ("feecalc.cli.diff", "Show what changed between two releases, and what made the changes."),
    "history": ("feecalc.cli.diff", "Show what a code paid in every loaded release."),
    "scale": ("feecalc.cli.scale", "Price a claims file in parts, on one machine or many."),
    "verify": ("feecalc.cli.verify", "Compare feecalc with one of CMS's own payment amount files."),
    "releases": ("feecalc.cli.listings", "List the loaded releases."),
    "localities": ("feecalc.cli.listings", "List the payment localities, or those that match a text."),
    "coverage": ("feecalc.cli.listings", "List every payment rule: done, by design not, or not done."),
    "import": ("feecalc.cli.importing", "Add CMS's own zip files to your schedule."),
    "refresh": ("feecalc.cli.refresh", "Fetch what is new from CMS, check it, and let it serve."),
    "app": ("feecalc.cli.app", "Open feecalc in the browser."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when it is asked for, so that `feecalc price` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="feecalc")
def cli() -> None:
    """Medicare Physician Fee Schedule payments, exact to the cent, from CMS's own files."""


def main() -> None:
    """The console script: feecalc's own errors go to stderr as one plain message, with exit code 2."""
    try:
        cli()
    except FeecalcError as error:
        click.echo(f"feecalc: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"feecalc: {error.filename or 'a file'}: {error.strerror or error}. Nothing was half-written.", err=True)
        sys.exit(2)


def run() -> NoReturn:
    """The process of a command: `main`, with what a short one would spend on cleaning up left out."""
    gc.set_threshold(100_000)  # importing makes many objects and no garbage
    try:
        main()
        code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    # Nothing is open any more. To take polars and the interpreter down in good order would take a sixth of a price's time.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a reader that left, such as `head`
            stream.flush()
    os._exit(code)
