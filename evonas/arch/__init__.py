"""The description of a network, which every other part reads."""

from evonas.arch.builder import SpecBuilder
from evonas.arch.spec import ArchSpec, Node

__all__ = ["ArchSpec", "Node", "SpecBuilder"]
