"""The tiny study that is exported."""

import json

SHAPE = (2, 24)
CONFIG = {
    "study": {"name": "tiny"},
    "task": {"kind": "synthetic", "train": 60, "test": 30, "noise": 0.2, "shape": SHAPE},
    "space": {"seed_network": {"widths": [4, 4], "kernel": 5}},
    "search": {
        "objectives": ["error", "params"],
        "pop_size": 4,
        "budget": {"trials": 8},
        "n_jobs": 1,
    },
    "proxy": {"steps": 4},
    "final": {"steps": 40, "candidates": 2},
}
BOTH = ("tflite", "onnx")


def edit_record(folder, change):
    record = json.loads((folder / "export.json").read_text())
    change(record)
    (folder / "export.json").write_text(json.dumps(record))
