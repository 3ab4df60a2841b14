import pytest

from evonas.arch import SpecBuilder
from evonas.arch.lower import lower
from evonas.cost.arena import plan_greedy
from evonas.cost.memory import arena_buffers
from evonas.plots.arena import ArenaData, arena_data, plot_arena
from evonas.plots.canvas import write_figure
from evonas.plots.layers import LayersData, plot_layers
from evonas.plots.profile import plot_profile
from evonas.references import reference


def arena_of(spec, scratch=True, limit_bytes=65536) -> ArenaData:
    graph = lower(spec)
    buffers = arena_buffers(graph, scratch)
    return arena_data("a", graph, buffers, plan_greedy(buffers), limit_bytes)


def layers_of(names) -> LayersData:
    kinds = tuple(name.partition(" ")[0] for name in names)
    return LayersData(
        "a", "b", tuple(names), kinds, tuple(1e-3 * (i + 1) for i in range(len(names)))
    )


@pytest.fixture
def residual():
    b = SpecBuilder()
    x = b.input((4, 64))  # 256 bytes
    return b.finish(b.add(x, b.conv1d(x, 4, 3, padding="same")))


def test_every_buffer_is_a_rectangle_over_the_operators_that_need_it(residual):
    data = arena_of(residual)

    assert data.steps == ("input", "conv 1", "add 2")
    names = {rect.name: (rect.kind, rect.first, rect.last, rect.n_bytes) for rect in data.rects}
    assert names["input"] == ("input", 0, 2, 256)  # the skip lives until the add
    assert names["conv 1"] == ("tensor", 1, 2, 256)
    assert names["add 2"] == ("tensor", 2, 2, 256)
    assert names[""] == ("scratch", 1, 1, 48)  # 4 bytes x 3 taps x 4 channels
    assert data.live_bytes == (256, 256 + 256 + 48, 3 * 256)
    assert data.head_bytes == max(rect.offset + rect.n_bytes for rect in data.rects)


def test_rectangles_that_are_alive_together_do_not_overlap():
    rects = arena_of(reference("resnet8")).rects
    for i, one in enumerate(rects):
        for other in rects[:i]:
            together = one.first <= other.last and other.first <= one.last
            apart = (
                one.offset >= other.offset + other.n_bytes
                or other.offset >= one.offset + one.n_bytes
            )
            assert apart or not together


def test_the_arena_is_drawn_with_its_end_and_what_is_alive(residual):
    data = arena_of(residual)

    ax = plot_arena(data)

    assert len(ax.patches) >= len(data.rects)
    assert ax.lines[0].get_ydata()[0] == data.head_bytes
    assert [t.get_text() for t in ax.get_xticklabels()] == list(data.steps)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["input", "tensor", "scratch", "bytes alive"]


def test_the_devices_limit_is_drawn_where_it_is_near(residual):
    near, far = arena_of(residual, limit_bytes=900), arena_of(residual, limit_bytes=9000)

    texts = [text.get_text() for text in plot_arena(near).texts]
    assert "largest block of RAM" in texts
    assert plot_arena(near).get_ylim()[1] > 900
    assert "largest block of RAM" not in [text.get_text() for text in plot_arena(far).texts]


def test_each_operator_is_a_bar_with_its_share():
    ax = plot_layers(layers_of(["conv 1", "add 2", "dense 3"]))  # 1, 2 and 3 ms

    assert [bar.get_height() for bar in ax.containers[0]] == [1, 2, 3]
    assert [text.get_text() for text in ax.texts[:3]] == ["17", "33", "50"]
    assert ax.get_ylabel() == "latency (ms)"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["conv 17 %", "dense 50 %", "others 33 %"]


@pytest.mark.parametrize("name", ["ecgtcn", "mobilenet_025", "fc_autoencoder"])
def test_the_figure_shows_an_operator_at_one_place_in_both_parts(name, tmp_path):
    arena = arena_of(reference(name))

    upper = plot_profile(arena, layers_of(arena.steps[1:]))

    lower_axes = upper.figure.axes[1]
    assert upper.get_xlim() == lower_axes.get_xlim() == (-0.6, len(arena.steps) - 0.4)
    first = lower_axes.containers[0][0]
    assert first.get_x() + first.get_width() / 2 == pytest.approx(1)
    for kind in ("png", "svg"):
        one, two = (
            write_figure(plot_profile(arena, layers_of(arena.steps[1:])), tmp_path / f"{i}.{kind}")
            for i in "12"
        )
        assert one.read_bytes() == two.read_bytes()


def test_many_operators_are_drawn_with_every_second_name():
    b = SpecBuilder()
    x = b.input((4, 32))
    for _ in range(150):
        x = b.conv1d(x, 4, 3, padding="same")
    data = arena_of(b.finish(x))

    ax = plot_arena(data)

    assert len(ax.get_xticks()) == 76
    assert ax.figure.get_size_inches()[0] == 20
