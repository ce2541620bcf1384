"""`feecalc app`: the pages in a browser."""

import sys

import click


@click.command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, envvar="PORT")
@click.option("--address", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--headless", is_flag=True, help="Do not open a browser window.")
def app_command(port: int, address: str, headless: bool) -> None:
    """Open feecalc in the browser, on this machine only unless --address says otherwise."""
    import os

    from feecalc import paths
    from feecalc.errors import NotLoadedError

    packaged, checkout = paths.PACKAGE / "app.py", paths.PACKAGE.parent / "app.py"
    script = packaged if packaged.is_file() else checkout
    if not script.is_file():
        raise NotLoadedError(f"The page table app.py is not beside the package ({paths.PACKAGE}). Reinstall feecalc.")
    os.chdir(script.parent)  # Streamlit reads .streamlit/config.toml from the folder it runs in
    command = [
        sys.executable, "-m", "streamlit", "run", str(script),
        "--server.port", str(port),
        "--server.address", address,
        "--server.headless", str(headless).lower(),
        "--server.showEmailPrompt", "false",  # a first start must not wait for an answer at the terminal
        "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    click.echo(f"feecalc: http://{address}:{port}")
    os.execv(sys.executable, command)
