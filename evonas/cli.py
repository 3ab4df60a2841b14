"""The command line: the verbs of evonas. Each imports what it needs when it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from evonas.cli_devices import devices_app
from evonas.cli_door import AsJson, door

app = typer.Typer(
    name="evonas",
    help="Search for the best small neural networks that fit a microcontroller.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Override a key of the config."),
]
app.add_typer(devices_app, name="devices", invoke_without_command=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A study's folder.")]


def _version(wanted: bool) -> None:
    if wanted:
        from evonas._version import __version__

        typer.echo(f"evonas {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search for the best small neural networks that fit a microcontroller."""


@app.command()
def search(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A study's TOML file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print size, costs, time and disk; search nothing.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="The study's folder, over the config's.")
    ] = None,
    n_jobs: Annotated[int | None, typer.Option(help="Worker processes; -1 for all cores.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Search, train the front in full, write figures and report."""
    with door():
        from evonas.config import StudyConfig

        changes = [*(overrides or [])] + ([f"search.n_jobs={n_jobs}"] if n_jobs is not None else [])
        if directory is not None:  # quoted, or a folder named 2024 would be a number
            changes += [f"study.dir={json.dumps(str(directory), ensure_ascii=False)}"]
        resolved = StudyConfig.from_toml(config, changes)
    with door(resolved.directory):
        if dry_run:
            from evonas.runner.dry_run import dry_run as estimate

            found = estimate(resolved)
            typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(found.lines()))
            return
        from evonas.console import opening_lines, progress_line
        from evonas.runner.search import complete
        from evonas.study.study import Study

        study = Study.from_config(resolved)
        typer.echo("\n".join(opening_lines(study)), err=True)
        with progress_line() as listener:
            complete(study, listener)
        _print_closing(study, as_json)


@app.command()
def resume(
    directory: Folder,
    n_jobs: Annotated[int | None, typer.Option(help="Worker processes; -1 for all cores.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Go on with an interrupted search or comparison, or a finished search and a larger budget."""
    with door(directory):
        from evonas.console import progress_line
        from evonas.runner.compare import is_comparison
        from evonas.runner.search import resume as run

        if is_comparison(directory):
            _resume_comparison(directory, n_jobs, overrides or [], as_json)
            return
        changes = [*(overrides or [])] + ([f"search.n_jobs={n_jobs}"] if n_jobs is not None else [])
        with progress_line() as listener:
            study = run(directory, changes, listener=listener)
        _print_closing(study, as_json)


def _resume_comparison(
    directory: Path, n_jobs: int | None, overrides: list[str], as_json: bool
) -> None:
    from evonas.console import progress_line
    from evonas.runner.compare import resume as run

    changes = [*overrides, *([f"compare.n_jobs={n_jobs}"] if n_jobs is not None else [])]
    with progress_line() as listener:
        comparison = run(directory, changes, listener)
    _print_comparison(comparison, as_json)
    _exit_where_runs_failed(comparison)


@app.command()
def compare(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A comparison's TOML file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print runs, contestants and time; run nothing.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="The comparison's folder, over the config's.")
    ] = None,
    n_jobs: Annotated[int | None, typer.Option(help="Runs at a time; -1 for all cores.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Compare search methods at one budget; goes on where an earlier call stopped."""
    with door():
        from evonas.config_compare import CompareConfig

        changes = list(overrides or [])
        if n_jobs is not None:
            changes += [f"compare.n_jobs={n_jobs}"]
        if directory is not None:
            changes += [f"compare.dir={json.dumps(str(directory), ensure_ascii=False)}"]
        resolved = CompareConfig.from_toml(config, changes)
    with door(resolved.directory):
        from evonas.console import progress_line
        from evonas.runner.compare import complete
        from evonas.runner.compare_estimate import estimate, plan_lines
        from evonas.runner.compare_plan import make_plan

        plan = make_plan(resolved)
        if dry_run:
            found = estimate(plan)
            typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(found.lines()))
            return
        typer.echo("\n".join(plan_lines(plan)), err=True)
        with progress_line() as listener:
            comparison = complete(plan, listener)
        _print_comparison(comparison, as_json)
        _exit_where_runs_failed(comparison)


@app.command()
def report(directory: Folder, as_json: AsJson = False) -> None:
    """Write figures and report of a study or a comparison again, and print the closing lines."""
    with door():
        from evonas.runner import compare as comparing
        from evonas.runner.search import rewrite_outputs

        if comparing.is_comparison(directory):
            _print_comparison(comparing.rewrite_outputs(directory), as_json)
            return
        _print_closing(rewrite_outputs(directory), as_json)


@app.command()
def train(
    target: Annotated[
        str, typer.Argument(help="A reference's name, a spec.json, DIR:TRIAL or DIR:recommended.")
    ],
    config: Annotated[Path, typer.Option(help="The study config: its task and [final] recipe.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for spec.json and weights.npz.")
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train one network in full on a config's task, and score it."""
    with door():
        from evonas.config import StudyConfig
        from evonas.runner.train import train as run

        found = run(target, StudyConfig.from_toml(config, overrides or []), output)
        typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(found.lines()))


@app.command("export")
def export_network(
    target: Annotated[
        str,
        typer.Argument(
            help="DIR:TRIAL, DIR:recommended, or a spec.json with weights.npz beside it."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")],
    formats: Annotated[
        str, typer.Option("--format", help="One or several of evonas list formats: tflite,c,onnx.")
    ] = "tflite",
    config: Annotated[
        Path | None, typer.Option(help="Of a spec.json: the config with its task and device.")
    ] = None,
    offline_plan: Annotated[
        bool, typer.Option("--offline-plan", help="Embed a memory plan in the .tflite.")
    ] = False,
    softmax: Annotated[
        bool, typer.Option("--softmax", help="Shares of the classes as outputs, not logits.")
    ] = False,
    max_drop: Annotated[
        float | None,
        typer.Option(help="By how much int8 may err more before it is fine-tuned; else [int8]'s."),
    ] = None,
    finetune_steps: Annotated[
        int | None,
        typer.Option(help="Optimiser steps of that fine-tuning, 0 for none; else [int8]'s."),
    ] = None,
    bare: Annotated[
        bool, typer.Option("--bare", help="No metadata in the files: a few hundred bytes less.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a trained network as files to deploy."""
    with door():
        from evonas.config import StudyConfig
        from evonas.runner.export import ExportOptions, export_target

        names = [name.strip() for name in formats.split(",") if name.strip()]
        task = None if config is None else StudyConfig.from_toml(config)
        options = ExportOptions(offline_plan, softmax, bare, max_drop, finetune_steps)
        found = export_target(target, output, names, task, options, _say)
        typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(found.lines()))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="What evonas export wrote.")],
    samples: Annotated[
        int | None,
        typer.Option(help="At most so many of the test part; else 1000, of which a core runs 10."),
    ] = None,
    core: Annotated[
        str | None, typer.Option(help="Run the C on an emulated core too: m3, m4, m7 or m33.")
    ] = None,
    emulator: Annotated[
        str | None, typer.Option(help="unicorn or qemu; else the first that is installed.")
    ] = None,
    compiler: Annotated[
        str | None, typer.Option(help="zig or gcc; else zig with unicorn, gcc with qemu.")
    ] = None,
    ram: Annotated[
        str | None, typer.Option(help="Limit of static RAM, such as 32kB; else the device's.")
    ] = None,
    flash: Annotated[str | None, typer.Option(help="Limit of flash; else the device's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run an export's files and compare every output; exit code 1 where one differs."""
    with door():
        from evonas.runner.verify import verify as run
        from evonas.runner.verify_core_options import core_options

        chosen = core_options(core, emulator, compiler, ram, flash, _say)
        found = run(folder, samples, core=chosen)
        typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(found.lines()))
    if not found.is_equal:
        raise typer.Exit(1)


@app.command()
def init(
    data: Annotated[
        str, typer.Option(help="An .npz file, a CSV file or folder, or a UCR/UEA data set's name.")
    ],
    device: Annotated[str, typer.Option(help="A device's name or file.")] = "stm32l4r5",
) -> None:
    """Print a commented config fitted to the data."""
    with door():
        from evonas.runner.init import commented_config

        typer.echo(commented_config(data, device), nl=False)


@app.command("list")
def list_names(
    what: Annotated[
        str,
        typer.Argument(
            help="spaces, tasks, devices, objectives, searchers, baselines, formats or references."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List the names that a config can use."""
    with door():
        from evonas.runner.listing import list_entries

        entries = list_entries(what)
        if as_json:
            typer.echo(json.dumps(dict(entries)))
            return
        width = max((len(name) for name, _ in entries), default=0)
        for name, text in entries:
            typer.echo(f"{name.ljust(width)}  {text}")


@app.command()
def profile(
    target: Annotated[
        str, typer.Argument(help="A reference's name, a spec.json, DIR:TRIAL or DIR:recommended.")
    ],
    device: Annotated[str, typer.Option(help="A device's name or file.")],
    runtime: Annotated[
        str | None, typer.Option(help="What executes the network; by default the device's first.")
    ] = None,
    sample_rate: Annotated[
        float | None,
        typer.Option(metavar="HZ", help="Samples a second, for --runtime c_step: is it real time?"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for profile.png and profile.svg.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a network costs on a device, by layer and in total."""
    with door():
        from evonas.runner.profile import profile_target, save_profile
        from evonas.runner.profile_text import profile_lines

        found = profile_target(target, device, runtime, sample_rate)
        typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(profile_lines(found)))
        for path in save_profile(found, output) if output is not None else ():
            typer.echo(f"written: {path}", err=True)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _print_closing(study: Any, as_json: bool) -> None:
    from evonas.console import closing_lines

    typer.echo(json.dumps(study.summary()) if as_json else "\n".join(closing_lines(study)))
    sys.stdout.flush()


def _print_comparison(comparison: Any, as_json: bool) -> None:
    from evonas.console import comparison_lines

    found = json.dumps(comparison.to_dict()) if as_json else "\n".join(comparison_lines(comparison))
    typer.echo(found)
    sys.stdout.flush()


def _exit_where_runs_failed(comparison: Any) -> None:
    """Ends with exit code 1 where a run did not come to its end."""
    n, n_failed = len(comparison.runs), sum(not run.finished for run in comparison.runs)
    if n_failed:
        folder = quote(str(comparison.directory))
        text = f"evonas: {n_failed} of {n} runs failed. To try them again: evonas resume {folder}"
        typer.echo(text, err=True)
        raise typer.Exit(1)
