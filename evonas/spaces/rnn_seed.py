"""The seed network of an RNN space, as a config names or writes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from evonas.arch.cells import CELLS
from evonas.arch.spec import ArchSpec
from evonas.config_table import Table
from evonas.errors import ConfigError
from evonas.spaces.rnn_network import RecurrentLayer, RNNNetwork, write
from evonas.spaces.seed import named_seed

CellName = Literal["rnn", "fastgrnn", "ugrnn", "mgu", "gru", "lstm"]
MAX_LAYERS = 3


class RNNSeedNetwork(Table):
    """A seed network written in the config.

    Attributes:
        cell: That of all layers; None for the dearest of [space] cells.
        hidden: Units of every layer, or of each.
        layers: Their number where `hidden` is one number.
        readout: The last state, or the mean over time.
        dense: Width of the hidden dense layer; 0 for none.
    """

    cell: CellName | None = None
    hidden: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = 32
    layers: Annotated[int, Field(ge=1, le=MAX_LAYERS)] | None = None
    readout: Literal["last", "mean"] = "last"
    dense: NonNegativeInt = 0


class RNNSettings(Table):
    """Keys of [space] when its kind is "rnn".

    Attributes:
        seed_network: A reference, a spec file or a table.
        cells: Which cells are on offer. Only "lstm" with ranks = false runs on TFLite Micro.
        layers: Most recurrent layers; None for the seed's.
        granularity: Of units and channels.
        ranks: Whether matrices may be of low rank.
        input_rates: By what the input may be stacked or strided.
        front: Whether a strided convolution may stand before the recurrence.
    """

    seed_network: str | RNNSeedNetwork = RNNSeedNetwork(hidden=32, layers=2)
    cells: Annotated[tuple[CellName, ...], Field(min_length=1)] = (
        "rnn",
        "fastgrnn",
        "ugrnn",
        "mgu",
        "gru",
        "lstm",
    )
    layers: Annotated[int, Field(ge=1, le=MAX_LAYERS)] | None = None
    granularity: PositiveInt = 1
    ranks: bool = True
    input_rates: tuple[PositiveInt, ...] = (1, 2, 4)
    front: bool = True


def seed_spec(settings: RNNSettings, input_shape: tuple[int, ...], num_outputs: int) -> ArchSpec:
    """Returns the seed network of a [space] table for a task's input and outputs.

    Raises:
        ConfigError: The seed is neither a reference nor a spec's file, or does not fit the task.
    """
    seed = settings.seed_network
    if isinstance(seed, RNNSeedNetwork):
        return write(_network(seed, settings.cells), input_shape, num_outputs)
    return named_seed(seed, input_shape, num_outputs)


def _network(seed: RNNSeedNetwork, cells: tuple[str, ...]) -> RNNNetwork:
    cell = seed.cell or [name for name in CELLS if name in cells][-1]
    if isinstance(seed.hidden, int):
        hidden: tuple[int, ...] = (seed.hidden,) * (seed.layers or 1)
    elif seed.layers not in (None, len(seed.hidden)):
        raise ConfigError(
            f"[space] seed_network: hidden names the units of {len(seed.hidden)} layers, layers is "
            f"{seed.layers}; give layers with one number of units alone."
        )
    else:
        hidden = seed.hidden
    layers = tuple(RecurrentLayer(n) for n in hidden)
    return RNNNetwork(cell, layers, readout=seed.readout, dense=seed.dense)
