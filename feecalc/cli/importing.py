"""`feecalc import`: the user's own CMS files."""

from pathlib import Path

import click

from feecalc.cli.options import json_option, print_json


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
def import_command(files: tuple[Path, ...], as_json: bool) -> None:
    """Read each of FILES (a release zip, or a ZIP-to-locality zip), check it, and add it to your schedule.

    A file that fails its checks changes nothing; every one of its bad rows is listed. An imported release outranks the
    built-in one of the same name.
    """
    from feecalc.importing import import_file

    for file in files:
        done = import_file(file)
        if as_json:
            print_json({"file": file.name, "name": done.name, "folder": str(done.folder), "notes": list(done.notes)})
            continue
        click.echo(f"{file.name}: {done.name} added to {done.folder}")
        for note in done.notes:
            click.echo(f"  {note}")
