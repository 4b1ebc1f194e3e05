"""Checks: from a night's tables to findings; the worst finding rules.

A check is a function from a `Night` to an iterable of `Finding`; `CHECKS` lists them. A new question is a new function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from observing_monitor.judging.usual import numbers
from observing_monitor.model.finding import Finding, worst, worst_first
from observing_monitor.model.wording import address, n_of, percent, seconds
from observing_monitor.storage.index import Silent
from observing_monitor.tables.cross_night import CrossNightFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.storage.index import Fault


MAX_NOTES = 100  # of a night and source; one more says how many more there were
_KNOWN = re.compile(
    r",(?: [\d,]+ of them| all of them)? known$"
)  # in a finding's text: no part of its address
MAX_SAID = 8  # findings that a night's one line names


@dataclass(frozen=True)
class Night:
    """What a check may look at."""

    summary: Mapping[str, Any]  # by the names of columns.NIGHTS
    silent: Mapping[str, Silent] = field(default_factory=dict)  # source -> {"problem", "since"}
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)  # source -> sentences
    is_told: bool = True  # whether the last stage's source ever answered for this night
    delay_warning_s: float | None = None
    file_sources: str = ""  # who tells which files there are: the sources' names
    stage_sources: str = ""  # who tells of the last stage
    ahead: tuple[int, float] = (
        0,
        0.0,
    )  # how many files are dated after they had come, and by how many seconds at most
    happened: tuple[
        tuple[str, str], ...
    ] = ()  # what changed that was thought settled: a level and a sentence each
    removed: tuple[
        str, ...
    ] = ()  # sources that the settings no longer name, and that something is known of
    worse: Mapping[str, float] = field(
        default_factory=dict
    )  # what is worse than usual, with its edge, as `usual.worse` has it
    settled: tuple[
        CrossNightFiles, ...
    ] = ()  # files that a source dates to another night than that on which they lie
    known: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # class, or lost -> {reason: how many files are known for it}
    since: Mapping[str, str] = field(
        default_factory=dict
    )  # class -> when its first file failed, or had come, as it is said: `2020-02-13 03:12`


def check_silence(night: Night) -> Iterable[Finding]:
    """Every source answered."""
    for source, silent in night.silent.items():
        yield Finding("error", silence_words(source, silent), "#sources", source)


def silence_words(source: str, silent: Fault | Silent) -> str:
    """What is said of a source that does not answer."""
    return f"{source} could not be read since {silent['since'][:16].replace('T', ' ')} UTC: {silent['problem']}"


def check_classes(night: Night) -> Iterable[Finding]:
    """No file failed, is missing, gone or small."""
    said = {
        "failed": ("error", "failed{}"),
        "missing": ("error", "never tried{}, though older than the limit"),
        "gone": ("warning", "recorded but no longer on disk, and never ingested"),
        "small": ("warning", "too small to be an image"),
    }
    for name, (level, words) in said.items():
        count = night.summary[f"n_{name}"]
        if count:
            since = f" since {night.since[name]} UTC" if name in night.since else ""
            yield _of_files(night, name, level, f"{n_of(count, 'file')} {words.format(since)}")


def _of_files(night: Night, name: str, level: str, words: str) -> Finding:
    """The finding of a class of files, with how many of them are known; it alarms if any is not."""
    count, known = night.summary[f"n_{name}"], night.known.get(name) or {}
    n_known, reasons = sum(known.values()), "; ".join(known)
    if n_known:
        part = (
            "known"
            if count == 1
            else "all of them known"
            if n_known == count
            else f"{n_known:,} of them known"
        )
        words = f"{words}, {part}: {reasons}"
    is_known = 0 < n_known == count
    return Finding(
        "normal" if is_known else level,
        words,
        f"#{name}",
        teller_of(night, name),
        acknowledged=reasons if is_known else "",
    )


def teller_of(night: Night, what: str) -> str:
    """Who told what a class of files, or a delay, was found from."""
    return (
        night.file_sources
        if what in ("gone", "small", "transfer", "twice")
        else night.stage_sources or night.file_sources
    )


def check_lost(night: Night) -> Iterable[Finding]:
    """Whatever was ingested is still where the repository says."""
    if night.summary["n_lost"]:
        words = (
            f"{n_of(night.summary['n_lost'], 'file')} ingested, but since gone from the repository"
        )
        yield _of_files(night, "lost", "error", words)


def check_delay(night: Night) -> Iterable[Finding]:
    """Nine of ten files came and were ingested within the stream's limit."""
    for stage in ("transfer", "ingest"):
        p90 = night.summary[f"{stage}_delay_p90_s"]
        if night.delay_warning_s is not None and p90 is not None and p90 > night.delay_warning_s:
            words = f"slow {stage}: one file in ten took longer than {seconds(p90)}{_usually(night, f'{stage}_delay_p90_s')}"
            yield Finding("warning", words, "#delays", teller_of(night, stage))


def _usually(night: Night, name: str) -> str:
    return f", usually at most {seconds(night.worse[name])}" if name in night.worse else ""


def check_usual(night: Night) -> Iterable[Finding]:
    """The night is no worse than the stream's own last 30; a delay beyond the limit is said by `check_delay`."""
    for stage in ("transfer", "ingest"):
        name = f"{stage}_delay_p90_s"
        if name in night.worse and not (
            night.delay_warning_s is not None and night.summary[name] > night.delay_warning_s
        ):
            words = f"slower {stage} than usual: one file in ten took longer than {seconds(night.summary[name])}{_usually(night, name)}"
            yield Finding("warning", words, "#delays", teller_of(night, stage))
    if "error_share" in night.worse:
        share, edge = numbers(night.summary)["error_share"] or 0, night.worse["error_share"]
        usual = f"at most {percent(edge)}" if edge else "none"
        words = f"more errors than usual: {percent(share)} of the files failed or are missing, usually {usual}"
        yield Finding("warning", words, "#attention", teller_of(night, "failed"))


def check_clocks(night: Night) -> Iterable[Finding]:
    """No file is dated after it had come."""
    count, most = night.ahead
    if count:
        words = f"{n_of(count, 'file')} dated later than {'it' if count == 1 else 'they'} came, by up to {seconds(most)}: some clock is wrong"
        yield Finding("warning", words, "#files", teller_of(night, "transfer"))


def check_notes(night: Night) -> Iterable[Finding]:
    """Everything that was there could be looked at."""
    count = sum(min(len(notes), MAX_NOTES) for notes in night.notes.values())
    if count:
        more = "more than " if any(len(notes) > MAX_NOTES for notes in night.notes.values()) else ""
        tellers = ", ".join(name for name, notes in night.notes.items() if notes)
        yield Finding(
            "warning",
            f"{more}{n_of(count, 'odd thing')} in what was read, listed on the night's page",
            "#notes",
            tellers,
        )


def tell_twice(night: Night) -> Iterable[Finding]:
    """What came twice is told, and is no fault."""
    if night.summary["n_twice"]:
        yield Finding(
            "normal",
            f"{n_of(night.summary['n_twice'], 'file')} came twice under the same name",
            "#files",
            teller_of(night, "twice"),
        )


def tell_pending(night: Night) -> Iterable[Finding]:
    """What is on its way is told, and is no fault."""
    if night.summary["n_pending"]:
        why = "" if night.is_told else ": it is not known if they were ingested"
        yield Finding(
            "normal",
            f"{n_of(night.summary['n_pending'], 'file')} pending{why}",
            "#pending",
            teller_of(night, "pending"),
        )


def tell_happened(night: Night) -> Iterable[Finding]:
    """Nothing changed of what was settled: no ingested file has another size now, none came a week late."""
    for level, words in night.happened:
        yield Finding(level, words, "#files", night.file_sources)


def tell_settled(night: Night) -> Iterable[Finding]:
    """Every file lies on the night to which the stages' sources date it; else it counts where it lies, and that is told on both."""
    for settled in night.settled:
        verb, s = ("lies", "it is") if settled.n_files == 1 else ("lie", "they are")
        files = f"{n_of(settled.n_files, 'file')} that {settled.source} dates"
        if settled.is_here:
            yield Finding(
                "normal",
                f"{files} {settled.night} {verb} on this night: {s} counted here",
                "#files",
                settled.source,
            )
        else:
            yield Finding(
                "normal",
                f"{files} this night {verb} on {settled.night}: {s} counted there",
                "",
                settled.source,
            )


def tell_removed(night: Night) -> Iterable[Finding]:
    """All that is known of the night is told by the stream's sources."""
    for source in night.removed:
        yield Finding(
            "normal",
            f"{source} is no longer a source of this stream: its last data are kept",
            "#sources",
            source,
        )


CHECKS = (
    check_silence,
    check_classes,
    check_lost,
    check_delay,
    check_usual,
    check_clocks,
    check_notes,
    tell_happened,
    tell_settled,
    tell_removed,
    tell_pending,
    tell_twice,
)


def findings(night: Night, more: Iterable[Finding] = ()) -> list[Finding]:
    """All that the checks found, and what the sources' own checks did (`more`), worst first."""
    found = [*(finding for check in CHECKS for finding in check(night)), *more]
    taken: set[str] = set()
    return [
        replace(
            finding,
            anchor=address("finding", _KNOWN.sub("", finding.text.partition(":")[0]), taken),
        )
        for finding in worst_first(found)
    ]


def sum_up(found: list[Finding]) -> tuple[str, str]:
    """A status word, and what is wrong in words, "" where nothing is; `found` is worst first."""
    wrong = [finding.text for finding in found if finding.level != "normal"]
    return worst(finding.level for finding in found), _listed(wrong)


def sum_up_known(found: list[Finding]) -> str:
    """What is known, in words; "" where nothing is."""
    return _listed([finding.text for finding in found if finding.acknowledged])


def _listed(texts: list[str]) -> str:
    more = [f"and {len(texts) - MAX_SAID:,} more"] if len(texts) > MAX_SAID else []
    return "; ".join([*texts[:MAX_SAID], *more])
