"""Who may import whom: architecture.md's table, held against the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import evonas

ROOT = Path(evonas.__file__).parent
LAYER = {
    "_version": 0, "errors": 0, "genes": 0, "registry": 0.5, "units": 0.5,
    "atomic": 0, "config_table": 0.6, "config": 0.7, "config_compare": 0.8,
    "arch": 1, "pareto": 1, "searchers": 1,
    "spaces": 2, "references": 2, "devices": 2, "tasks": 2,
    "cost": 3, "proxy": 3, "quant": 3.5,
    "objectives": 4, "baselines": 4,
    "study": 5,
    "analysis": 6, "plots": 6, "export": 6,
    "runner": 7,
    "console": 8, "cli_door": 8.1, "cli_devices": 8.2, "cli": 8.3, "__main__": 9, "__init__": 9,
}  # fmt: skip
BESIDE = {
    ("searchers", "pareto"),
    ("spaces", "references"),
    ("plots", "analysis"),
    ("baselines", "objectives"),
}
THIRD_PARTY = {
    "pydantic": {"config", "config_compare", "config_table", "spaces", "tasks", "baselines"},
    "tomli_w": {"config", "config_compare"},
    "moocore": {"pareto", "analysis/attainment"},
    "scipy": {"analysis/intervals", "tasks/ninapro_recording"},
    "PIL": {"tasks/images"},
    "pymoo": {"searchers/nsga2", "searchers/nsga3", "searchers/breeding"},
    "threadpoolctl": {"searchers/surrogate"},
    "optuna": {"searchers/optuna_search", "searchers/optuna_study"},
    "aeon": {"tasks/aeon"},
    "sklearn": {"tasks/digits"},
    "torch": {
        "proxy/build", "proxy/layers_meta", "proxy/layers_norm", "proxy/layers_recurrent",
        "proxy/cell_steps", "proxy/recurrence", "proxy/backends/torch", "study/study",
        "quant/fake", "quant/finetune", "quant/fold_torch", "baselines",
    },
    "joblib": {"study", "runner/dry_run", "runner/compare_driver"},
    "matplotlib": {"plots"},
    "flatbuffers": {"export/flatbuffer"},
    "tflite_micro": {"export/tflm"},
    "unicorn": {"export/emulate_unicorn"},
    "onnx": {"export/onnx_graph"},
    "onnxruntime": {"export/onnx"},
    "typer": {"cli", "cli_devices", "cli_door"},
    "rich": {"console"},
    "numpy": {
        "pareto", "searchers", "spaces", "tasks", "proxy", "quant", "study", "analysis", "plots",
        "export", "runner", "baselines", "cost/calibrate",
    },
}  # fmt: skip


def _imports() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        module = path.relative_to(ROOT).with_suffix("").as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield module, node.module or ""


def test_a_package_imports_only_layers_below_it():
    wrong = []
    for module, name in _imports():
        if not name.startswith("evonas.") or module == "__init__":
            continue
        here, there = module.split("/")[0], name.split(".")[1]
        allowed = here == there or LAYER[there] < LAYER[here] or (here, there) in BESIDE
        if not allowed:
            wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_a_third_party_package_is_imported_where_the_table_says():
    wrong = []
    for module, name in _imports():
        package = name.split(".")[0]
        if package in sys.stdlib_module_names or package == "evonas":
            continue
        places = THIRD_PARTY.get(package, set())
        if not any(module == place or module.startswith(f"{place}/") for place in places):
            wrong.append(f"{module} imports {package}")
    assert wrong == []


def test_everything_but_training_runs_without_importing_torch():
    script = (
        "import sys, evonas, evonas.cli, evonas.study.study, evonas.plots, evonas.runner.search\n"
        "space = evonas.spaces.TCNSpace.from_reference('ecgtcn')\n"
        "evonas.profile(space.seed, device='stm32l4r5')\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-P", "-c", script], check=False).returncode == 0
