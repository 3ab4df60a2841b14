"""`evonas init`: a commented config fitted to a data set and a device."""

from __future__ import annotations

import json
from pathlib import Path

from evonas.cost.runtimes import device_runtimes
from evonas.devices import Device, load_device
from evonas.errors import ConfigError
from evonas.tasks.load import load_splits
from evonas.tasks.splits import Splits
from evonas.units import format_quantity

TEMPLATE = """\
# {what}
[study]
name = {name}
dir = {folder}            # results go here; nothing there is ever overwritten
seed = 0

[task]
{task}
validation = 0.25             # of the training part; classes balanced, groups kept whole
metric = "{metric}"               # {metrics}

[space]
{space}

[device]
{device_key} = {device}         # {device_facts}
runtime = "{runtime}"              # {runtimes}
reserve = {{ ram = "0 kB", flash = "0 kB" }}  # what the rest of the firmware takes

[search]
searcher = "surrogate"          # or another: evonas list searchers
objectives = ["error", "latency", "peak_ram"]   # evonas list objectives
# limits = {{ latency = "10 ms", flash = "64 kB" }}  # networks beyond one are never trained
pop_size = 20
budget = {{ trials = 200 }}     # or epochs = 2000, cpu = "10 min", wall = "30 min"
compare_random = false        # true: random search at the same budget beside it
n_jobs = -1                   # all cores

[proxy]                       # the short training that ranks candidates
steps = 100
batch_size = {batch_size}
learning_rate = 0.02
class_weights = {class_weights}

[final]                       # the full training of the best candidates
steps = 800
batch_size = {batch_size}
learning_rate = 0.02
class_weights = {class_weights}
seeds = 1                     # 2 or more also show how far full trainings agree
# references = ["{reference}"]  # trained alike, as yardsticks; evonas list references
"""

SIGNALS = """\
kind = "tcn"                  # temporal convolutional networks; the seed bounds their layers
seed_network = {{ widths = {widths}, kernel = {kernel}, pool = {pool} }}
# or kind = "rnn" or "metakernel" (evonas list spaces), or several at once: kind = ["tcn", "rnn"]
# with the keys of each in [space.tcn] and [space.rnn]; runtime = "c" executes every cell"""

IMAGES = """\
kind = "metakernel"           # convolutions, each of several kernels that become one
seed_network = {{ widths = {widths} }}  # bounds the layers; each block halves height and width"""

UNBALANCED = 10
"""Ratio of the largest to the smallest class from which balanced_error is proposed."""


def commented_config(data: str, device: str) -> str:
    """Returns a config as TOML text, fitted to a data set, after loading it once.

    Args:
        data: Path of an .npz file, of a CSV file or a folder of them, or the name of a UCR or UEA
            data set.
        device: A device's name or the path of its file.

    Raises:
        ConfigError: The device is unknown, or the data needs more to be said of it.
        DataError: The data cannot be loaded.
    """
    chosen = load_device(device)
    kind, settings = _task(data)
    splits = load_splits(kind, settings, 0.25, 0)
    metric, metrics = _metric(splits)
    task = "\n".join(f"{key} = {_quoted(v)}" for key, v in {"kind": kind, **settings}.items())
    name = Path(data).stem.lower()
    runtimes = device_runtimes(chosen)
    return TEMPLATE.format(
        what=_describe(data, splits),
        name=_quoted(name),
        folder=_quoted(f"runs/{name}"),
        task=task,
        metric=metric,
        metrics=metrics,
        space=_space(splits.input_shape),
        reference="resnet8" if len(splits.input_shape) == 3 else "lstm_google12",
        device_key="path" if Path(device).suffix == ".toml" else "name",
        device=_quoted(device),
        runtime=runtimes[0],
        runtimes=f"of {', '.join(runtimes)}",
        device_facts=f"{chosen.core} at {chosen.clock_hz / 1e6:g} MHz, "
        f"{format_quantity(chosen.ram_bytes, 'byte')} RAM, "
        f"{_flash(chosen)} flash",
        batch_size=32 if len(splits.train) < 5000 else 64,
        class_weights=str(metric == "balanced_error").lower(),
    )


def _quoted(text: str) -> str:
    """Returns a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


def _flash(device: Device) -> str:
    if device.flash_bytes is None:
        return "external"
    return format_quantity(device.flash_bytes, "byte")


def _task(data: str) -> tuple[str, dict[str, str]]:
    path = Path(data)
    if path.suffix == ".npz":
        return "npz", {"path": data}
    if path.suffix == ".csv" or path.is_dir():
        raise ConfigError(
            f'{data}: recordings need to be told their columns. Write [task] kind = "csv" with '
            "path, label, window and hop, as the README shows."
        )
    return "aeon", {"name": data}


def _metric(splits: Splits) -> tuple[str, str]:
    if splits.is_regression:
        return "rmse", "or mae"
    counts = [int((splits.train.y == k).sum()) for k in range(splits.num_outputs)]
    if max(counts) >= UNBALANCED * max(min(counts), 1):
        return "balanced_error", "the classes are unbalanced; or error, f1_error"
    return "error", "or balanced_error, f1_error"


def _describe(data: str, splits: Splits) -> str:
    channels, *axes = splits.input_shape
    target = splits.target
    size = f"{axes[0]} samples" if len(axes) == 1 else " x ".join(f"{n}" for n in axes) + " pixels"
    return (
        f"{Path(data).name}: {channels} channel{'s' * (channels != 1)} x {size}, {target}; "
        f"{len(splits.train)} training, {len(splits.val)} validation, {len(splits.test)} test"
    )


def _space(shape: tuple[int, ...]) -> str:
    """Returns the keys of [space] with a seed network: a larger one for larger samples."""
    if len(shape) == 3:
        return IMAGES.format(widths=[16, 32, 64] if min(shape[1:]) >= 16 else [16, 32])
    if shape[1] >= 64:
        widths, pool = [32, 32, 64, 64, 128, 128], [2, 4]
    else:
        widths, pool = [16, 32, 64], [2] if shape[1] > 1 else []
    return SIGNALS.format(widths=widths, kernel=min(9, shape[1]), pool=pool)
