import numpy as np
import pytest

from evonas.arch.lower import lower
from evonas.cost.arena import Buffer, live_bytes, liveness_bound, plan_greedy, plan_offline
from evonas.cost.memory import arena_buffers


def random_buffers(rng: np.random.Generator) -> list[Buffer]:
    first = rng.integers(0, 12, size=rng.integers(1, 15))
    last = first + rng.integers(0, 6, size=len(first))
    sizes = rng.integers(1, 200, size=len(first))
    return [Buffer(*map(int, row)) for row in zip(sizes, first, last, strict=True)]


def test_the_plan_is_that_of_tflite_micros_own_test():
    # TestMedium of greedy_memory_planner_test.cc, in units of 16 bytes
    buffers = [
        Buffer(160, 0, 1),
        Buffer(320, 1, 2),
        Buffer(480, 2, 3),
        Buffer(640, 3, 4),
        Buffer(800, 0, 1),
    ]

    plan = plan_greedy(buffers)

    assert plan.offsets == (800, 1120, 640, 0, 0)
    assert plan.head_bytes == 1440


def test_sizes_are_rounded_up_to_16_bytes():
    plan = plan_greedy([Buffer(17, 0, 1), Buffer(1, 1, 1)])

    assert plan.offsets == (0, 32)
    assert plan.head_bytes == 48


def test_of_equal_sizes_the_later_buffer_is_placed_first():
    plan = plan_greedy([Buffer(16, 0, 1), Buffer(16, 1, 2), Buffer(10, 1, 1)])

    assert plan.offsets == (32, 16, 0)


def test_buffers_of_other_times_share_their_place():
    plan = plan_greedy([Buffer(64, 0, 1), Buffer(64, 2, 3)])

    assert plan.offsets == (0, 0)


def test_greedy_plans_can_exceed_the_liveness_bound():
    # the last two at 0 and 16 at step 2; the second meets neither: 0; the first meets the second
    # at 0 and the third at 16, so it goes to 32, though never more than 32 bytes are alive
    buffers = [Buffer(16, 3, 4), Buffer(16, 4, 5), Buffer(16, 2, 3), Buffer(16, 2, 2)]

    plan = plan_greedy(buffers)

    assert plan.offsets == (32, 0, 16, 0)
    assert plan.head_bytes == 48
    assert live_bytes(buffers, 6) == (0, 0, 32, 32, 32, 16)


def test_a_plan_made_ahead_reaches_the_bound_that_the_greedy_one_misses():
    buffers = [Buffer(16, 3, 4), Buffer(16, 4, 5), Buffer(16, 2, 3), Buffer(16, 2, 2)]

    assert plan_greedy(buffers).head_bytes == 48
    assert plan_offline(buffers).head_bytes == liveness_bound(buffers) == 32


def test_plans_made_ahead_reach_the_bound_on_random_networks(random_specs):
    greedy_misses = 0
    for spec in random_specs(200):
        buffers = arena_buffers(lower(spec))

        assert plan_offline(buffers).head_bytes == liveness_bound(buffers)
        greedy_misses += plan_greedy(buffers).head_bytes > liveness_bound(buffers)
    assert greedy_misses > 20


def test_without_buffers_there_is_no_arena():
    assert plan_offline([]).head_bytes == liveness_bound([]) == 0


@pytest.mark.parametrize("planner", [plan_greedy, plan_offline])
def test_no_two_live_buffers_overlap_and_no_plan_beats_the_bound(planner):
    rng = np.random.default_rng(1)
    for _ in range(300):
        buffers = random_buffers(rng)
        plan = planner(buffers)
        live = live_bytes(buffers, 18)

        occupied = [np.zeros(plan.head_bytes, dtype=int) for _ in live]
        for buffer, offset in zip(buffers, plan.offsets, strict=True):
            assert offset % 16 == 0
            for step in range(buffer.first, buffer.last + 1):
                occupied[step][offset : offset + buffer.aligned_bytes] += 1
        assert max(int(step.max()) for step in occupied) == 1
        assert [int(step.sum()) for step in occupied] == list(live)
        assert plan.head_bytes >= max(live)


def test_each_buffer_lies_in_the_first_gap_that_its_predecessors_leave():
    rng = np.random.default_rng(2)
    for _ in range(300):
        buffers = random_buffers(rng)
        plan = plan_greedy(buffers)
        order = sorted(range(len(buffers)), key=lambda i: (-buffers[i].aligned_bytes, -i))
        for rank, index in enumerate(order):
            mine = buffers[index]
            busy = np.zeros(plan.head_bytes + mine.aligned_bytes, dtype=bool)
            for other in order[:rank]:
                its = buffers[other]
                if its.first <= mine.last and mine.first <= its.last:
                    offset = plan.offsets[other]
                    busy[offset : offset + its.aligned_bytes] = True
            starts = range(0, len(busy), 16)
            free = next(s for s in starts if not busy[s : s + mine.aligned_bytes].any())
            assert plan.offsets[index] == free
