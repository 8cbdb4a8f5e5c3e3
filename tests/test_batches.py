"""The plan of rows: every row once an epoch, the same rows a step for any number of processes."""

import random
import subprocess
import sys

import pytest
from tiny_chat import TRAINING  # noqa: F401  (puts the training script's folder on the path)

from batches import Batches, Plan, plan  # isort: skip

pick = random.Random(3)
LENGTHS = [pick.choice((20, 40, 90, 300)) + pick.randint(0, 19) for _ in range(1_003)]
KINDS = pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])


def flat(step) -> list[int]:
    return [row for rank in step for batch in rank for row in batch]


@KINDS
def test_every_row_comes_once_an_epoch_and_the_order_changes(packed):
    steps = plan(LENGTHS, 16, epochs=2, packed=packed)
    epoch = len(steps) // 2
    assert epoch == 63 and all(len(flat(step)) <= 16 for step in steps)
    first, second = ([row for step in half for row in flat(step)] for half in (steps[:epoch], steps[epoch:]))
    assert sorted(first) == sorted(second) == list(range(1_003))
    assert first != second


@KINDS
@pytest.mark.parametrize("ranks, micro_batches", [(1, 4), (2, 1), (2, 2), (4, 1), (3, 2)])
def test_a_step_has_the_same_rows_however_many_share_it(packed, ranks, micro_batches):
    alone = plan(LENGTHS, 16, epochs=2, packed=packed)
    shared = plan(LENGTHS, 16, micro_batches, epochs=2, ranks=ranks, packed=packed)
    assert [sorted(flat(step)) for step in shared] == [sorted(flat(step)) for step in alone]
    assert {len(step) for step in shared} == {ranks}
    assert {len(rank) for step in shared for rank in step} == {micro_batches}
    full = [step for step in shared if len(flat(step)) == 16]
    assert len(full) == 124 and all(batch for step in full for rank in step for batch in rank)


def test_ranks_get_like_numbers_of_tokens():
    """They wait for the slowest at every step. Of 16 rows of 20 to 319 tokens, dealt to 4."""
    for packed, most in ((True, 1.05), (False, 1.10)):
        worst = shares = 0
        for step in plan(LENGTHS, 16, epochs=1, ranks=4, packed=packed):
            tokens = [sum(LENGTHS[row] for batch in rank for row in batch) for rank in step]
            worst, shares = worst + max(tokens), shares + sum(tokens) / 4
        assert worst / shares < most, (packed, worst / shares)


def test_padded_rows_of_like_length_share_a_batch():
    def padded(steps) -> float:
        batches = [batch for step in steps for rank in step for batch in rank if batch]
        spent = sum(len(batch) * max(LENGTHS[row] for row in batch) for batch in batches)
        return spent / sum(LENGTHS)

    by_chance = plan(LENGTHS, 16, 4, epochs=1, packed=True)
    assert padded(plan(LENGTHS, 16, 4, epochs=1)) < 1.1 < 1.8 < padded(by_chance)


def test_steps_of_packed_rows_are_drawn_by_chance_alone():
    spread = {}
    for packed in (False, True):
        steps = plan(LENGTHS, 16, steps=62, packed=packed)[1:]
        tokens = [sum(LENGTHS[row] for row in flat(step)) for step in steps]
        spread[packed] = max(tokens) / min(tokens)
    assert spread[True] < 3 < 8 < spread[False]


@KINDS
def test_the_step_with_the_most_tokens_comes_first(packed):
    tokens = [sum(LENGTHS[row] for row in flat(step)) for step in plan(LENGTHS, 16, epochs=1, packed=packed)]
    assert tokens[0] == max(tokens)


def test_steps_go_on_over_the_end_of_an_epoch():
    assert plan(LENGTHS, 16, steps=100) == plan(LENGTHS, 16, epochs=2)[:100]
    assert len(plan(LENGTHS, 16, epochs=0.5)) == 32 and len(plan([5], 16, epochs=0.1)) == 1


def test_going_on_at_a_step_is_slicing_the_plan():
    whole = Plan(LENGTHS, 16, micro_batches=2)
    done = 63 + 10
    again = list(Batches(whole, step=lambda: done))
    expected = [batch for step in plan(LENGTHS, 16, 2, epochs=2)[63:] for batch in step[0]]
    assert again == expected and len(Batches(whole)) == len(again) == 126


def test_a_rank_takes_its_own_share():
    whole = Plan(LENGTHS, 16, ranks=2)
    shares = [list(Batches(whole, rank)) for rank in (0, 1)]
    assert sorted(row for share in shares for batch in share for row in batch) == list(range(1_003))


def test_more_shares_than_rows_leaves_some_empty():
    for packed in (False, True):
        step = plan([9, 8, 7], 16, 2, ranks=2, packed=packed)[0]
        assert sorted(flat(step)) == [0, 1, 2]
        assert sorted(len(batch) for rank in step for batch in rank) == [0, 1, 1, 1]


def test_the_plan_is_the_same_on_every_machine():
    """Written down once: a restart on another machine must not see other rows."""
    assert plan([31, 7, 12, 30, 5, 6], 2, seed=42) == [[[[0, 3]]], [[[5, 4]]], [[[2, 1]]]]
    packed = plan([31, 7, 12, 30, 5, 6], 2, seed=42, steps=4, packed=True)
    assert [step[0][0] for step in packed] == [[0, 3], [2, 4], [1, 5], [0, 5]]


def test_the_plan_needs_no_library():
    code = "import batches; print(len(batches.plan(range(100), 8)))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=TRAINING, capture_output=True, text=True)
    assert done.stdout == "13\n", done.stderr
