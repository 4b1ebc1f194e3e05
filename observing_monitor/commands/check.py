"""The command check: what a run would find."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

from observing_monitor.collecting.asking import StartQueue
from observing_monitor.collecting.sources import AskOptions, begin_nights, timed_sources
from observing_monitor.commands.answer import FAILED, FINE, ODD, Answer, clock
from observing_monitor.commands.check_output import check_output
from observing_monitor.commands.check_source import check_source
from observing_monitor.commands.exit_codes import INCOMPLETE, OK
from observing_monitor.commands.options import read_known_issues
from observing_monitor.commands.overwriting import check_overwriting
from observing_monitor.commands.places import check_alone, open_output
from observing_monitor.model.wording import n_of, visible_line

if TYPE_CHECKING:
    import argparse
    import datetime
    from collections.abc import Iterator, Sequence

    from observing_monitor.collecting.asking import TimedSource
    from observing_monitor.commands.one_line import Tell
    from observing_monitor.settings.stream import Stream


def check_command(
    options: argparse.Namespace,
    streams: list[Stream],
    nights: dict[str, list[datetime.date]],
    now: datetime.datetime,
    tell: Tell,
    unused: Sequence[str] = (),
) -> int:
    """Check settings, output and sources; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
    streams : list of Stream
    nights : dict
        The nights that a run looks at, by stream.
    now : datetime
    tell : callable
        Prints a line.
    unused : sequence of str, optional
        Sentences about variables of the environment without effect.
    """
    verdicts = []
    answers = _answers(options, streams, nights, now, tell)
    of_environment = [("environment", Answer(ODD, list(unused)))] if unused else []
    for name, answer in itertools.chain(answers, of_environment):
        for line in _lines(name, answer):
            tell(line)
        verdicts.append(answer.verdict)
    n_failed, n_odd = verdicts.count(FAILED), verdicts.count(ODD)
    tell(f"{len(verdicts)} looked at: {n_failed} failed, {n_odd} odd")
    return INCOMPLETE if n_failed else OK


def _answers(
    options: argparse.Namespace,
    streams: list[Stream],
    nights: dict[str, list[datetime.date]],
    now: datetime.datetime,
    tell: Tell,
) -> Iterator[tuple[str, Answer]]:
    """Yield the name of each thing, and its answer."""
    output = open_output(options, streams) if options.output_dir else None
    if output:
        check_overwriting(options, output, streams)
        check_alone(output, streams)
    found = check_output(output, streams, now)
    tell(f"settings {options.config or 'of the command line'}: {n_of(len(streams), 'stream')}")
    yield f"output {output.root if output else ''}".strip(), found
    known = read_known_issues(options, streams)
    if known.issues or known.problems:
        count = f"of its entries {len(known.issues):,} are understood"
        verdict = FAILED if known.problems else FINE
        yield "known issues", Answer(verdict, [*known.problems, count])
    versions = {stream.name: stream.at(nights[stream.name][-1]) for stream in streams}
    sources = _sources_of(list(versions.values()), now)
    for stream in streams:
        asked, version = nights[stream.name], versions[stream.name]
        tell(f"stream {stream.name}: a run looks at {asked[0]} to {asked[-1]}")
        tell(f"         {_night_rule_text(stream, now)}")
        for described, source in zip(version.sources, sources[stream.name], strict=True):
            answer = check_source(source, version, asked, now)
            yield f"{described.name} at {described.place}", answer


def _lines(name: str, answer: Answer) -> list[str]:
    heading = visible_line(f"  {answer.verdict:6} {name}")
    return [heading, *(visible_line(f"           {line}") for line in answer.lines)]


def _sources_of(streams: Sequence[Stream], now: datetime.datetime) -> dict[str, list[TimedSource]]:
    """Return the sources by stream; queue their first questions."""
    options = AskOptions(now, queue=StartQueue())
    made = {stream.name: timed_sources(stream, options) for stream in streams}
    for name, sources in made.items():
        options.queue.add(name, functools.partial(begin_nights, sources))
    return made


def _night_rule_text(stream: Stream, now: datetime.datetime) -> str:
    tonight = stream.rule.night_of(now)
    start, end = stream.rule.bounds(tonight)
    return (
        f"a night is the date of {stream.rule.text}: now it is {tonight}, "
        f"from {clock(start)} to {clock(end)}"
    )
