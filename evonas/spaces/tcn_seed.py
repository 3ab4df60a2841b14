"""The seed network of a TCN space, as a config names or writes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import PositiveInt

from evonas.arch.spec import ArchSpec
from evonas.config_table import Table
from evonas.errors import ConfigError, SpecError
from evonas.spaces.seed import named_seed
from evonas.spaces.tcn_network import Block, ConvLayer, Style, TCNNetwork, write
from evonas.spaces.tcn_padding import PADDINGS
from evonas.spaces.tcn_parse import parse


class SeedNetwork(Table):
    """A seed network written in the config: one convolution a block."""

    widths: tuple[PositiveInt, ...]
    kernel: PositiveInt | tuple[PositiveInt, ...] = 9
    dilation: PositiveInt | tuple[PositiveInt, ...] = 1
    pool: tuple[PositiveInt, ...] = ()
    pool_kind: Literal["max", "average"] = "max"
    head: Literal["average", "last", "flatten"] = "average"
    dense: tuple[PositiveInt, ...] = ()


class TCNSettings(Table):
    """Keys of [space] when its kind is "tcn"."""

    seed_network: str | SeedNetwork = SeedNetwork(widths=(16, 16, 32, 32), kernel=9, pool=(2,))
    granularity: PositiveInt = 1
    padding: Literal["causal", "same"] | None = None


def seed_spec(settings: TCNSettings, input_shape: tuple[int, ...], num_outputs: int) -> ArchSpec:
    """Returns the seed network of a [space] table for a task's input and outputs.

    Raises:
        ConfigError: The seed is neither a reference nor a spec's file, or does not fit the task.
        SpecError: It is no temporal convolutional network.
    """
    seed = settings.seed_network
    if isinstance(seed, SeedNetwork):
        network = _network(seed, settings.padding or "causal")
        try:
            return write(network, Style(), input_shape, num_outputs)
        except SpecError as error:
            raise ConfigError(
                f"[space] seed_network: does not fit {input_shape}: {error}"
            ) from None
    spec = named_seed(seed, input_shape, num_outputs)
    return _repadded(spec, settings.padding) if settings.padding else spec


def _repadded(spec: ArchSpec, padding: str) -> ArchSpec:
    network, style = parse(spec)
    rule = PADDINGS[padding]
    blocks = tuple(
        replace(
            block,
            convs=tuple(replace(c, pads=rule(c.taps, c.dilation)) for c in block.convs),
        )
        for block in network.blocks
    )
    network = replace(network, blocks=blocks)
    return write(network, style, spec.input_shape, spec.output_shape[0])


def _per_layer(name: str, value: int | tuple[int, ...], n: int) -> tuple[int, ...]:
    values = (value,) * n if isinstance(value, int) else value
    if len(values) != n:
        raise ConfigError(
            f"[space] seed_network: {name} needs one number or {n}, one for each width; "
            f"got {len(values)}."
        )
    return values


def _network(seed: SeedNetwork, padding: str) -> TCNNetwork:
    n = len(seed.widths)
    kernels = _per_layer("kernel", seed.kernel, n)
    dilations = _per_layer("dilation", seed.dilation, n)
    dilations = tuple(d if k > 1 else 1 for d, k in zip(dilations, kernels, strict=True))
    beyond = [layer for layer in seed.pool if layer > n]
    if beyond:
        raise ConfigError(
            f"[space] seed_network: pool names the layers behind which to pool, 1 to {n}; "
            f"got {beyond[0]}."
        )
    blocks = tuple(
        Block(
            (ConvLayer(width, kernel, PADDINGS[padding](kernel, dilation), dilation),),
            pool=seed.pool_kind if number in seed.pool else "none",
        )
        for number, (width, kernel, dilation) in enumerate(
            zip(seed.widths, kernels, dilations, strict=True), start=1
        )
    )
    return TCNNetwork(blocks, seed.head, seed.dense)
