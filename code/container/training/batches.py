"""Which rows each optimizer step trains on: one plan, made from the rows' lengths and a seed.

    whole = Plan(lengths=[31, 7, 12, 30], rows_a_step=2)
    whole.epoch(0)            → [[[[0, 3]]], [[[1, 2]]]]: step → rank → micro-batch → row numbers
    plan([31, 7, 12, 30], rows_a_step=2, epochs=3)[5]

Every row comes once an epoch. Step k has the same rows whatever the number of ranks and micro-batches is:
two processes that take a share each train what one process with the whole batch trains. To go on at step k
is to slice the plan at k. Standard library only, and the same on every Python from 3.10 to 3.13.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

# Steps whose rows are sorted together where rows are padded. More: less padding, and less chance in a step.
POOL = 50

Step = list[list[list[int]]]  # rank → micro-batch → row numbers


@dataclass(frozen=True)
class Plan:
    """The order of the rows.

    lengths        tokens of each row
    rows_a_step    rows an optimizer step, over all ranks and micro-batches; an epoch's last step has the rest
    micro_batches  forward passes a step and rank
    packed         True: no padding, so a step's rows are drawn by chance alone, and its micro-batches get as
                   even numbers of tokens as can be. False: rows of like length share steps and micro-batches
    """

    lengths: Sequence[int]
    rows_a_step: int
    micro_batches: int = 1
    seed: int = 0
    ranks: int = 1
    packed: bool = False

    @property
    def steps_an_epoch(self) -> int:
        return math.ceil(len(self.lengths) / self.rows_a_step)

    def steps(self, epochs: float) -> int:
        """Optimizer steps of so many epochs, at least one."""
        return max(1, math.ceil(self.steps_an_epoch * epochs))

    def rows(self, epoch: int) -> list[list[int]]:
        """The row numbers of each step of an epoch, whatever ranks and micro_batches are.

        The step with the most tokens comes first: if the memory does not suffice, that is seen at once.
        """
        chance = random.Random(f"{self.seed} {epoch}")  # a text is hashed the same way everywhere
        order = list(range(len(self.lengths)))
        chance.shuffle(order)
        pool = self.rows_a_step * (1 if self.packed else POOL)
        steps = []
        for begin in range(0, len(order), pool):
            some = sorted(order[begin : begin + pool], key=lambda row: -self.lengths[row])
            steps += [some[at : at + self.rows_a_step] for at in range(0, len(some), self.rows_a_step)]
        if not self.packed:
            chance.shuffle(steps)
        most = max(range(len(steps)), key=lambda at: self.tokens(steps[at]), default=0)
        steps.insert(0, steps.pop(most))
        return steps

    def tokens(self, rows: Iterable[int]) -> int:
        """The tokens of some rows together."""
        return sum(self.lengths[row] for row in rows)

    def epoch(self, number: int) -> list[Step]:
        """The steps of an epoch, each dealt to ranks and micro-batches."""
        return [self.deal(rows) for rows in self.rows(number)]

    def deal(self, rows: list[int]) -> Step:
        """The rows of a step, longest first → rank → micro-batch → row numbers.

        A micro-batch is empty where there are fewer rows than shares. Its rank still has to pass something
        through the model, or the other ranks wait for it for ever: see chat_data.Collator.
        """
        if self.packed:
            cells = self._evenly(rows)
            return [cells[rank :: self.ranks] for rank in range(self.ranks)]
        cuts = [len(rows) * at // self.micro_batches for at in range(self.micro_batches + 1)]
        chunks = [rows[cuts[at] : cuts[at + 1]] for at in range(self.micro_batches)]
        return [[chunk[rank :: self.ranks] for chunk in chunks] for rank in range(self.ranks)]

    def _evenly(self, rows: list[int]) -> list[list[int]]:
        """Rows → ranks × micro_batches shares: the longest row left goes where the fewest tokens are."""
        cells: list[list[int]] = [[] for _ in range(self.ranks * self.micro_batches)]
        heap = [(0, at) for at in range(len(cells))]
        for row in rows:
            tokens, at = heapq.heappop(heap)
            cells[at].append(row)
            heapq.heappush(heap, (tokens + self.lengths[row], at))
        return cells


def plan(
    lengths: Sequence[int], rows_a_step: int, micro_batches: int = 1, seed: int = 0,
    epochs: float | None = None, steps: int | None = None, ranks: int = 1, packed: bool = False,
) -> list[Step]:  # fmt: skip
    """Every step of a run, of so many epochs or so many steps (steps goes first): see Plan."""
    whole = Plan(lengths, rows_a_step, micro_batches, seed, ranks, packed)
    wanted = steps if steps is not None else whole.steps(1 if epochs is None else epochs)
    found: list[Step] = []
    while len(found) < wanted:
        found += whole.epoch(len(found) // whole.steps_an_epoch)
    return found[:wanted]


class Batches:
    """The micro-batches of one rank, as the batch_sampler of a DataLoader: it gives one epoch at a time.

    step  says how many optimizer steps are done; which epoch comes follows from it, after a restart too
    """

    def __init__(self, whole: Plan, rank: int = 0, step: Callable[[], int] = lambda: 0):
        self.plan, self.rank, self.step = whole, rank, step

    def __len__(self) -> int:
        return self.plan.steps_an_epoch * self.plan.micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.plan.epoch(self.step() // self.plan.steps_an_epoch):
            yield from step[self.rank]
