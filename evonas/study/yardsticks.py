"""References that a study trains beside its front, as yardsticks; never part of the front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, SpecError
from evonas.references import reference
from evonas.study.trial import SEED_NUMBER, Evaluation, Trial, with_final_values
from evonas.tasks.splits import Splits

if TYPE_CHECKING:
    from evonas.study.study import Study

NUMBERS = "references"
"""Key in a store's meta: a reference's name -> the trial number of its evaluations."""


def reference_specs(names: Sequence[str], splits: Splits) -> dict[str, ArchSpec]:
    """Returns the networks that [final] references names, for a task's input and outputs.

    Raises:
        ConfigError: A name is unknown, or its network does not fit the task.
    """
    specs = {}
    for name in names:
        try:
            spec = reference(name, splits.input_shape, splits.num_outputs)
        except (ConfigError, SpecError) as error:
            raise ConfigError(f"[final] references: {error}") from None
        if spec.output_shape != (splits.num_outputs,):
            raise ConfigError(
                f"[final] references: {name} maps {spec.input_shape} to {spec.output_shape}, the "
                f"task needs ({splits.num_outputs},)."
            )
        specs[name] = spec
    return specs


def reference_numbers(study: Study) -> dict[str, int]:
    """Returns a trial number for each reference: the recorded one, or the next free one.

    A reference keeps its number when others are added or left out.
    """
    numbers: dict[str, int] = dict(study.store.meta(NUMBERS) or {})
    for name in study.references:
        numbers.setdefault(name, min([SEED_NUMBER, *numbers.values()]) - 1)
    return numbers


def keep_numbers(study: Study) -> None:
    """Records the references' trial numbers, once there are any."""
    numbers = reference_numbers(study)
    if numbers != (study.store.meta(NUMBERS) or {}):
        study.store.set_meta(NUMBERS, numbers)


def reference_trials(
    study: Study, evaluations: Mapping[int, Sequence[Evaluation]]
) -> dict[str, Trial]:
    """Returns a study's references by name; see Study.reference_trials.

    Args:
        study: The study.
        evaluations: All that are recorded, by trial number.
    """
    numbers = reference_numbers(study)
    trials = {}
    for name, spec in study.references.items():
        costs, reason = study.problem.known_costs(spec)
        trial = Trial(
            numbers[name], (), spec.digest, costs, "complete", reason,
            tuple(evaluations.get(numbers[name], ())), _always(spec),
        )  # fmt: skip
        trials[name] = with_final_values(trial) or trial
    return trials


def _always(spec: ArchSpec) -> Callable[[tuple[int, ...]], ArchSpec]:
    """Returns what decodes the empty genome of a network that lies in no space."""
    return lambda _: spec
