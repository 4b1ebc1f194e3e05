"""A trial of a program, and a row of the table."""

from dataclasses import dataclass
from pathlib import Path

from program import Program, Took

DEFAULT_ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """One line of the table.

    A row without `took` says all in its name.
    """

    name: str
    took: Took | None = None
    floor: Took | None = None  # the least that the machine needs for the same
    target: str = ""


@dataclass(frozen=True)
class Trial:
    """One program to measure, and at what size.

    A benchmark is a generator function of a trial. Between the commands that it measures it
    yields, so that the trial of another checkout can take its turn. It returns its rows.
    """

    program: Program
    work: Path  # input trees, used by all trials
    scale: float = 1.0
    rounds: int | None = None
    suffix: str = ""  # of the folders that trials must not share

    def own(self, name):
        """Return the path of a file of this trial alone."""
        return self.work / f"{name}{self.suffix}"

    def sized(self, number):
        """Return a number at this trial's scale."""
        return int(number * self.scale)

    def repeat(self, default=DEFAULT_ROUNDS):
        """Return the numbers of the rounds."""
        return range(self.rounds or default)


def alternate(benchmarks):
    """Run generators in turn; return the rows of each."""
    benchmarks = list(benchmarks)
    rows = {}
    while len(rows) < len(benchmarks):
        for number, steps in enumerate(benchmarks):
            if number in rows:
                continue
            try:
                next(steps)
            except StopIteration as end:
                rows[number] = end.value
    return [rows[number] for number in range(len(benchmarks))]
