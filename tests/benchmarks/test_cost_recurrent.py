import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import cost_recurrent
from fit_instructions import data_file

HAS_DATA = data_file("cmsisnn_instructions.csv").exists()


@pytest.mark.skipif(not HAS_DATA, reason="the measurements are not there")
def test_the_stand_in_meets_measured_lstms():
    found = cost_recurrent.run()

    for core in ("m4", "m7", "m33"):
        assert found[core]["n"] == 26
        assert found[core]["mean"] < 2.5
        assert found[core]["worst"] < 7
    for errors in found.values():
        assert errors["mean"] < 8
        assert errors["worst"] < 17


def test_without_measurements_nothing_is_claimed(tmp_path, capsys):
    found = cost_recurrent.run(tmp_path / "none.csv")
    cost_recurrent.print_table(found)

    assert found == {}
    assert "left out" in capsys.readouterr().out
