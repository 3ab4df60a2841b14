"""How well does a searched network tell anomalous machine sounds from normal ones?

    python benchmarks/bench_toyadmos_auc.py runs/toyadmos_tcn:recommended [--quick] [--json FILE]

Scores every clip of ToyADMOS' test part, of form = "machine_id" by how surely the network
recognises its machine, of form = "autoencoder" by how badly it reconstructs it, and prints the area
under the ROC curve of each machine and their mean, in all and up to a tenth of false alarms (pAUC
of DCASE 2020); 0.5 is chance. MLPerf Tiny asks its autoencoder for an AUC of 0.85. The target is
one of a study of kind = "toyadmos": DIR:NUMBER, DIR:recommended, DIR:seed, or a reference that was
trained beside the front, DIR:fc_autoencoder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from evonas.config_table import validate_table
from evonas.errors import ConfigError
from evonas.proxy.backends.choose import predictor
from evonas.references import REFERENCES
from evonas.runner.source import Source, find_source, study_source
from evonas.study.study import Study
from evonas.tasks.anomaly import (
    auc,
    by_machine,
    confidence_scores,
    partial_auc,
    reconstruction_scores,
)
from evonas.tasks.toyadmos import AnomalyTest, ToyadmosSettings, ToyadmosTask

QUICK = 4
"""Every so many clips with --quick."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", metavar="DIR:TRIAL")
    parser.add_argument("--quick", action="store_true", help=f"every {QUICK}th test clip alone")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = aucs(options.target, QUICK if options.quick else 1)
    for name, value in found["auc"].items():
        print(f"{name:<12} AUC {value:.4f} pAUC {found['pauc'][name]:.4f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def aucs(target: str, every: int = 1) -> dict[str, dict[str, float]]:
    """Returns "auc" and "pauc" of each machine, and their means under "mean".

    Args:
        target: DIR:NUMBER, DIR:recommended, DIR:seed or DIR:REFERENCE.
        every: Use every so many clips of the test part.
    """
    source = _source(target)
    if source.config.task.kind != "toyadmos":
        raise ConfigError(f"{target}: expected a study of kind = 'toyadmos'.")
    settings = validate_table(ToyadmosSettings, source.config.task.settings, "[task]")
    test = ToyadmosTask(settings).anomaly_test().every(every)
    scores = _SCORES[settings.form](source, test)
    return {
        "auc": by_machine(auc, scores, test),
        "pauc": by_machine(partial_auc, scores, test),
    }


def _source(target: str) -> Source:
    folder, _, name = target.rpartition(":")
    if name not in REFERENCES:
        return find_source(target)
    study = Study.load(folder)
    trials = study.reference_trials()
    if name not in trials:
        raise ConfigError(f"{target}: no reference of [final] references in {folder}.")
    return study_source(study, trials[name], target)


def _outputs(source: Source, clip: np.ndarray) -> np.ndarray:
    """Returns the network's outputs of a clip's samples, (samples, num_outputs)."""
    norm = source.splits.normalisation
    X = (clip - norm.mean[:, None]) / norm.std[:, None]
    return predictor(source.spec).predict(source.spec, source.weights, X)


def _by_confidence(source: Source, test: AnomalyTest) -> np.ndarray:
    logits = np.stack([_outputs(source, clip) for clip in test.X]).astype(np.float64)
    logits -= logits.max(axis=2, keepdims=True)
    return confidence_scores(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)), test)


def _by_reconstruction(source: Source, test: AnomalyTest) -> np.ndarray:
    errors = []
    for clip in test.X:  # (samples, bands, window): a copy of one clip at a time
        wrong = _outputs(source, clip) - clip.reshape(len(clip), -1)
        errors.append(np.mean(wrong.astype(np.float64) ** 2, axis=1))
    return reconstruction_scores(np.stack(errors), test)


_SCORES = {"machine_id": _by_confidence, "autoencoder": _by_reconstruction}
"""Form of the task -> what scores clips, higher for the more anomalous."""


if __name__ == "__main__":
    main()
