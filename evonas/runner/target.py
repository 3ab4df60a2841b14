"""What a command's TARGET stands for: a reference, a spec file, or a trial of a study."""

from __future__ import annotations

from pathlib import Path

from evonas.arch.spec import ArchSpec
from evonas.errors import ConfigError, SpecError
from evonas.references import REFERENCES, reference
from evonas.study.study import Study
from evonas.study.trial import Trial


def resolve_target(
    target: str, input_shape: tuple[int, ...] | None = None, num_outputs: int | None = None
) -> ArchSpec:
    """Returns the network that a target names.

    Args:
        target: A reference's name, the path of a spec.json, DIR:NUMBER or DIR:recommended.
        input_shape: Input that a reference is built for; None for its published one.
        num_outputs: Outputs that a reference is built for; None for its published number.

    Raises:
        ConfigError: The target is none of these.
        SpecError: The file holds no network, or the reference does not fit the input.
    """
    if target in REFERENCES:
        return reference(target, input_shape, num_outputs)
    if Path(target).is_file():
        try:
            return ArchSpec.from_json(Path(target).read_text(encoding="utf-8"))
        except (SpecError, UnicodeDecodeError) as error:
            raise SpecError(f"{target}: {error}") from None
    folder, colon, name = target.rpartition(":")
    if colon and (Path(folder) / "study.db").is_file():
        study = Study.load(folder)
        return study.problem.space.seed if name == "seed" else trial_of(study, name).spec
    raise ConfigError(
        f"{target!r} is no network: expected a reference ({', '.join(REFERENCES.names())}), a "
        "spec.json, or DIR:TRIAL of a study, such as runs/quickstart:recommended."
    )


def trial_of(study: Study, name: str) -> Trial:
    """Returns the trial of a study that a name stands for: its number, "recommended" or "seed".

    Raises:
        ConfigError: There is none.
    """
    if name == "recommended":
        return study.recommend()
    if name == "seed":
        return study.seed_trial()
    trials = {str(trial.number): trial for trial in study.trials()}
    if name not in trials:
        raise ConfigError(
            f"{study.directory}: there is no trial {name!r}; expected a number below "
            f"{len(trials)}, 'recommended' or 'seed'."
        )
    return trials[name]
