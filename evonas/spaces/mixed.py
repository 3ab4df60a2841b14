"""Several spaces searched at once: the first gene says which of them a network is from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from evonas.arch.spec import ArchSpec
from evonas.config_table import OpenTable, Table
from evonas.errors import ConfigError, SpecError
from evonas.genes import Gene, Genes
from evonas.spaces import SPACES
from evonas.spaces.space import AbstractSpace, Genome, check_genome

FAMILY = "family"
"""Name of the gene that says which space a network is from."""


class MixedSpace(AbstractSpace):
    """Networks of several spaces, here called families.

    Behind the gene "family" stand the genes of every family, named "tcn.block0.exists" and so on;
    those of the other families have no effect. A network that several families hold belongs to the
    first of them, one of which a family holds only an equal in function (a plain convolution as a
    meta-kernel of one kernel) to the first that holds it as it is: so one network has one genome.

    Args:
        families: Name -> space, in the order of the gene's choices; all of the same input and
            outputs. The first one's seed network is that of the mixed space.
    """

    Settings: ClassVar[type[Table]] = OpenTable

    def __init__(self, families: Mapping[str, AbstractSpace]) -> None:
        if not families:
            raise SpecError("A mixed space needs at least one family, got none.")
        shapes = {(s.seed.input_shape, s.seed.output_shape) for s in families.values()}
        if len(shapes) > 1:
            raise SpecError(
                f"The families of a mixed space take one input and give one output, got {shapes}."
            )
        self.families = dict(families)
        self._names = tuple(families)
        genes = [Gene(FAMILY, self._names)]
        self._slices: dict[str, slice] = {}
        for name, space in families.items():
            self._slices[name] = slice(len(genes), len(genes) + len(space.genes))
            genes += [Gene(f"{name}.{g.name}", g.choices, g.scale) for g in space.genes]
        self.genes = Genes(tuple(genes))
        self.seed = families[self._names[0]].seed

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int
    ) -> Self:
        """Returns the space of several families; see AbstractSpace.

        Args:
            settings: Family's name -> the keys of its table, [space.NAME], in the families' order.
            input_shape: Of the task's samples.
            num_outputs: Of the networks.
        """
        return cls({n: family(n, keys, input_shape, num_outputs) for n, keys in settings.items()})

    def decode(self, genome: npt.ArrayLike) -> ArchSpec:
        """Returns the network of a genome; see AbstractSpace."""
        values = check_genome(self.genes, genome)
        name = self._names[values[0]]
        return self.families[name].decode(np.array(values[self._slices[name]], dtype=np.int64))

    def encode(self, spec: ArchSpec) -> Genome:
        """Returns the canonical genome of a network, in the first family that holds it."""
        reasons, equals = [], []
        for number, (name, space) in enumerate(self.families.items()):
            try:
                found = space.encode(spec)
            except SpecError as error:
                reasons.append(f"{name}: {error}")
                continue
            genome = np.zeros(self.genes.n_var, dtype=np.int64)
            genome[0] = number
            genome[self._slices[name]] = found
            if space.decode(found) == spec:
                return genome
            equals.append(genome)
        if equals:
            return equals[0]
        raise SpecError(f"The spec lies outside every family. {' '.join(reasons)}")

    def anchors(self) -> npt.NDArray[np.int64]:
        """Returns the anchors of every family in turn; see AbstractSpace.

        The genes of the other families hold what their seed networks have: from there a descendant
        of another family starts.
        """
        anchors = [space.anchors() for space in self.families.values()]
        background = np.concatenate([[0], *(rows[0] for rows in anchors)])
        found: dict[str, Genome] = {}
        for turn in zip_longest(*anchors):
            for number, (name, row) in enumerate(zip(self._names, turn, strict=True)):
                if row is None:
                    continue
                genome = background.copy()
                genome[0] = number
                genome[self._slices[name]] = row
                found.setdefault(self.decode(genome).digest, genome)
        return np.array(list(found.values()), dtype=np.int64)

    def scaled(self, share: float) -> Genome:
        """Returns the first family's seed network with all widths scaled; see AbstractSpace."""
        first = self.families[self._names[0]]
        return self.encode(first.decode(first.scaled(share)))

    def family(self, network: ArchSpec | npt.ArrayLike) -> str:
        """Returns the name of the family that a network, or a genome's network, belongs to.

        Raises:
            SpecError: The network lies outside the space.
        """
        spec = network if isinstance(network, ArchSpec) else self.decode(network)
        return self._names[int(self.encode(spec)[0])]


def family(
    name: str, settings: Mapping[str, Any], input_shape: tuple[int, ...], num_outputs: int
) -> AbstractSpace:
    """Returns one family of a mixed space; what is wrong is said of its table, [space.NAME].

    Raises:
        ConfigError: The name is unknown, or the table is not what the space takes.
    """
    try:
        found: AbstractSpace = SPACES.get(name).from_settings(settings, input_shape, num_outputs)
    except ConfigError as error:
        raise ConfigError(own_table(name, str(error))) from None
    except SpecError as error:
        raise ConfigError(f"[space.{name}] {error}") from None
    return found


def own_table(name: str, text: str) -> str:
    """Returns a message about [space] as one about the table of a family."""
    return text.replace("[space]", f"[space.{name}]")


def family_names(space: AbstractSpace) -> tuple[str, ...]:
    """Returns the names of a space's families; none of a space that is not mixed."""
    return tuple(space.families) if isinstance(space, MixedSpace) else ()


def family_of(space: AbstractSpace, spec: ArchSpec) -> str | None:
    """Returns the name of a network's family; None in a space that is not mixed."""
    return space.family(spec) if isinstance(space, MixedSpace) else None


def log10_size(space: AbstractSpace) -> float:
    """Returns log10 of the number of a space's genomes; of a mixed one its families' together.

    Networks that several genomes encode count often.
    """
    if not isinstance(space, MixedSpace):
        return space.genes.log10_size
    sizes = [log10_size(own) for own in space.families.values()]
    largest = max(sizes)
    return largest + math.log10(math.fsum(10 ** (size - largest) for size in sizes))
