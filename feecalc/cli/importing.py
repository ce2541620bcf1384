"""`feecalc import`: the user's own CMS files."""

from pathlib import Path

import click

from feecalc.cli.options import json_option, print_json


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
def import_command(files: tuple[Path, ...], as_json: bool) -> None:
    """Read FILES (a release zip, a ZIP-to-locality zip, NCCI tables), check them, and add them to your schedule.

    A file that fails its checks changes nothing; every one of its bad rows is listed. An imported release outranks the
    built-in one of the same name. The four zips of one quarter's NCCI pairs belong together: give all of them, or their folder.
    """
    from feecalc.analysis import postings
    from feecalc.importing import import_files
    from feecalc.schedule import Schedule

    served = Schedule.open()
    for done in import_files(files):
        differences = postings.of_import(served, done.name, done.folder)
        changes = [f"against the release that served before: {said}" for said in differences.said] if differences else []
        if differences and differences.rows.height:
            changes.append(f"row by row: {done.folder / postings.FILE}")
        named = ", ".join(done.files)
        if as_json:
            notes = [*done.notes, *changes]
            print_json({"file": named, "name": done.name, "folder": str(done.folder), "notes": notes})
            continue
        click.echo(f"{named}: {done.name} added to {done.folder}")
        for note in (*done.notes, *changes):
            click.echo(f"  {note}")
