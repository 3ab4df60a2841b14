import numpy as np
import pytest
from matplotlib.figure import Figure

from evonas.plots import front_panel
from evonas.plots.front import caption, front_data, plot_front


def drawn(ax) -> dict[str, np.ndarray]:
    """Label -> points (n, 2) of every group of markers."""
    return {c.get_label(): np.asarray(c.get_offsets()) for c in ax.collections}


@pytest.mark.parametrize("n_axes", [2, 3, 4, 5])
def test_every_further_axis_gets_a_panel_on_a_log_scale(front_of, n_axes):
    ax = plot_front(front_of(n_axes))

    panels = [each for each in ax.figure.axes if each.axison]
    labels = ["latency (ms)", "peak RAM (kB)", "MACs (thousand)", "energy (µJ)"]
    assert [each.get_xlabel() for each in panels] == labels[: n_axes - 1]
    assert {each.get_xscale() for each in panels} == {"log"}
    assert ax.get_ylabel() == "validation error (%)"
    assert ax.get_yscale() == "linear"


def test_all_groups_are_drawn_with_their_points(front_of):
    data = front_of(2)

    groups = drawn(plot_front(data))

    assert {label: len(points) for label, points in groups.items()} == {
        "tried (proxy value)": 3,  # the fourth lies far above all that was trained in full
        "tried, above the axis": 1,
        "trained in full": 4,
        "front": 3,
        "front, test": 2,
        "seed network": 1,
        "seed network, test": 1,
        "recommended": 1,
    }
    assert groups["front"].tolist() == data.front[:, [1, 0]].tolist()
    assert groups["recommended"].tolist() == [[2e-3, 0.1]]


def test_the_front_is_a_staircase_from_the_upper_to_the_right_edge(front_of):
    ax = plot_front(front_of(2))

    front = next(line for line in ax.lines if line.get_linestyle() == "-")
    (left, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    assert front.get_drawstyle() == "steps-post"
    assert list(front.get_xdata()) == [1e-3, 1e-3, 2e-3, 4e-3, right]
    assert list(front.get_ydata()) == [top, 0.3, 0.1, 0.05, 0.05]
    assert left < 1e-3


def test_a_network_that_is_dominated_in_a_panel_is_off_its_staircase(front_of):
    data = front_of(3)
    data.front[2, 2] = 9e3  # the smallest latency, but the largest RAM and error

    ax = plot_front(data)

    second = ax.figure.axes[1]
    front = next(line for line in second.lines if line.get_linestyle() == "-")
    assert len(drawn(second)["front"]) == 3
    assert 9e3 not in front.get_xdata()


def test_the_recommended_network_is_labelled_by_its_number(front_of):
    ax = plot_front(front_of(2))

    assert "5" in [text.get_text() for text in ax.texts]


def test_the_caption_counts_what_is_not_drawn(front_of):
    assert caption(front_of(2)) == (
        "8 trials: 4 feasible, 3 beyond a limit, 1 failed, 1 drawn at the upper edge"
    )
    some = front_of(2).n_trials | {"infeasible": 1, "not executable": 2}
    assert "1 beyond a limit, 2 not executable, 1 failed" in caption(
        front_of(2)._replace(n_trials=some)
    )


def test_axes_of_a_caller_get_one_panel_and_a_legend_beside_it(front_of):
    ax = Figure().add_subplot()

    returned = plot_front(front_of(3), ax, panel=1)

    assert returned is ax
    assert ax.get_xlabel() == "peak RAM (kB)"
    assert ax.get_legend().get_texts()[0].get_text() == "tried (proxy value)"


def test_a_single_point_and_an_empty_front_are_drawn(front_of):
    data = front_of(2)
    single = data._replace(
        explored=data.explored[:1], candidates=data.front[:1], front=data.front[:1],
        front_numbers=(17,), front_test=data.front_test[:1], recommended=17, random=data.random[:0],
    )  # fmt: skip
    nothing = np.empty((0, 2))
    empty = data._replace(
        explored=nothing, candidates=nothing, front=nothing, front_numbers=(),
        front_test=np.empty(0), seed=np.full(2, np.nan), seed_test=np.nan, recommended=None,
        random=nothing, n_trials=dict.fromkeys(data.n_trials, 0),
    )  # fmt: skip

    assert len(drawn(plot_front(single))["front"]) == 1
    assert "nothing to show yet" in [t.get_text() for t in plot_front(empty).texts]
    assert caption(empty) == "no trials yet"


def test_a_single_objective_has_no_staircase(front_of):
    data = front_of(2)
    aside = data.axes[1]._replace(is_objective=False)

    assert not plot_front(data._replace(axes=(data.axes[0], aside))).lines


def test_regression_carries_the_targets_unit(front_of):
    data = front_of(2)
    rmse = data.axes[0]._replace(label="validation RMSE", dimension="target")

    ax = plot_front(data._replace(axes=(rmse, data.axes[1])))

    assert ax.get_ylabel() == "validation RMSE (target's unit)"


def test_data_of_a_study_are_its_own_trials(study):
    data = front_data(study)

    front = study.front()
    trained = [t for t in study.trials() if t.state == "complete"]
    assert [axis.name for axis in data.axes] == ["error", "latency", "peak_ram"]
    assert data.explored[:, 0].tolist() == [t.values["error"] for t in trained]
    assert data.front_numbers == tuple(t.number for t in front)
    assert data.front[:, 1].tolist() == [t.values["latency"] for t in front]
    assert np.isfinite(data.front_test).all()
    assert data.seed[0] == study.seed_trial().values["error"]
    assert data.recommended == study.recommend().number
    assert len(data.random) > 0
    assert data.n_trials["complete"] == 12


def test_a_study_of_costs_alone_has_cost_axes_and_no_test(cost_study):
    data = front_data(cost_study)
    ax = plot_front(data)

    assert [axis.name for axis in data.axes] == ["latency", "peak_ram"]
    assert ax.get_yscale() == "log"
    assert set(drawn(ax)) == {"tried", "front", "seed network", "recommended"}


def test_a_study_without_trials_is_drawn(empty_study):
    assert plot_front(front_data(empty_study)).get_xlabel() == "params"


def test_every_family_on_the_front_has_a_marker_of_its_own(front_of):
    data = front_of(3)._replace(families=("tcn", "rnn"), front_families=("rnn", "tcn", "rnn"))

    ax = plot_front(data)

    groups = drawn(ax)
    assert "front" not in groups
    assert groups["front: rnn"].tolist() == data.front[[0, 2]][:, [1, 0]].tolist()
    assert groups["front: tcn"].tolist() == data.front[[1]][:, [1, 0]].tolist()
    looks = [c for c in ax.collections if c.get_label().startswith("front: ")]
    assert len({tuple(c.get_facecolor()[0]) for c in looks}) == 2
    assert len({c.get_paths()[0].vertices.tobytes() for c in looks}) == 2
    figure = front_panel.legend_entries([each for each in ax.figure.axes if each.axison])[1]
    assert {"front: tcn", "front: rnn"} <= set(figure)


def test_references_are_drawn_with_their_names_where_their_costs_are_known(front_of):
    points = np.array([[0.08, 9e-3, 5e3], [0.2, np.nan, 2e3]])
    data = front_of(3)._replace(
        references=("lstm", "gru"), reference_points=points, reference_test=np.array([0.09, np.nan])
    )

    ax = plot_front(data)

    first, second = (each for each in ax.figure.axes if each.axison)
    assert drawn(first)["lstm"].tolist() == [[9e-3, 0.08]]
    assert drawn(first)["references, test"].tolist() == [[9e-3, 0.09]]
    assert "gru" not in drawn(first)
    assert drawn(second)["gru"].tolist() == [[2e3, 0.2]]
    markers = [c.get_paths()[0].vertices for c in second.collections if c.get_label() in "lstmgru"]
    assert len(markers) == 2
    assert not np.array_equal(*markers)
    low, high = first.get_xlim()
    assert low < 9e-3 < high
