"""The command line's verbs of devices. Each imports what it needs when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evonas.cli_door import AsJson, door
from evonas.errors import EvonasError

devices_app = typer.Typer(help="Devices: list, show, calibrate.", rich_markup_mode=None)


@devices_app.callback()
def devices(context: typer.Context, as_json: AsJson = False) -> None:
    """List the devices: memory, power, kernel library, error of the latency."""
    if context.invoked_subcommand is not None:
        return
    with door():
        from evonas.runner.devices import device_rows, table_lines

        rows = device_rows()
        typer.echo(json.dumps(rows) if as_json else "\n".join(table_lines(rows)))


@devices_app.command("show")
def show_device(
    name: Annotated[str, typer.Argument(help="A device's name or file.")], as_json: AsJson = False
) -> None:
    """Print every figure of a device with its source."""
    with door():
        from evonas.runner.devices import describe, show_lines

        typer.echo(json.dumps(describe(name)) if as_json else "\n".join(show_lines(name)))


@devices_app.command("calibrate")
def calibrate_device(
    measurements: Annotated[
        Path | None, typer.Argument(metavar="CSV", help="Timings; --template shows the format.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Device from which everything else is taken.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The device's file to write, .toml.")
    ] = None,
    runtime: Annotated[str, typer.Option(help="What ran the measured layers.")] = "tflm",
    template: Annotated[
        bool, typer.Option("--template", help="Print a csv file to fill in, and its format.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit a device to timings of your own board."""
    with door():
        from evonas.runner import devices as runner

        if template:
            typer.echo(runner.TEMPLATE, nl=False)
            return
        if measurements is None or base is None or output is None:
            raise EvonasError(
                "devices calibrate needs CSV, --base NAME and -o FILE; --template prints a csv."
            )
        found = runner.calibrate_device(measurements, base, output, runtime, force)
        if as_json:
            typer.echo(json.dumps(runner.calibration_dict(found, output)))
        else:
            typer.echo("\n".join(runner.calibration_lines(found, output)))
