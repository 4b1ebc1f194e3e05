"""Checks: from a night's tables to findings; the worst finding rules.

A check is a function from a `Night` to an iterable of `Finding`; `CHECKS` lists them. A new question is a new function.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from observing_monitor.pages import Finding, address, percent, seconds
from observing_monitor.store import Silent

MAX_NOTES = 100  # of a night and source; one more says how many more there were
LEVELS = ("normal", "warning", "error")
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
    worse: Mapping[str, float] = field(default_factory=dict)  # what is worse than usual, with its edge, as `usual.worse` has it
    since: Mapping[str, str] = field(default_factory=dict)  # class -> when its first file failed, or had come, as it is said: `03:12`


def worst(levels: Iterable[str]) -> str:
    """The worst of some levels; normal where there are none."""
    return max(levels, key=LEVELS.index, default="normal")


def n_of(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def check_silence(night: Night) -> Iterable[Finding]:
    """Every source answered."""
    for source, silent in night.silent.items():
        yield Finding(
            "error",
            f"{source} could not be read since {silent['since'][:16].replace('T', ' ')} UTC: {silent['problem']}",
            "#sources",
            source,
        )


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
            since = f" since {night.since[name]}" if name in night.since else ""
            yield Finding(level, f"{n_of(count, 'file')} {words.format(since)}", f"#{name}", teller_of(night, name))


def teller_of(night: Night, what: str) -> str:
    """Who told what a class of files, or a delay, was found from."""
    return night.file_sources if what in ("gone", "small", "transfer", "twice") else night.stage_sources or night.file_sources


def check_lost(night: Night) -> Iterable[Finding]:
    """Whatever was ingested is still where the repository says."""
    if night.summary["n_lost"]:
        words = f"{n_of(night.summary['n_lost'], 'file')} ingested, but since gone from the repository"
        yield Finding("error", words, "#lost", teller_of(night, "lost"))


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
        if name in night.worse and not (night.delay_warning_s is not None and night.summary[name] > night.delay_warning_s):
            words = f"slower {stage} than usual: one file in ten took longer than {seconds(night.summary[name])}{_usually(night, name)}"
            yield Finding("warning", words, "#delays", teller_of(night, stage))
    if "error_share" in night.worse:
        share, edge = night.summary["n_error"] / night.summary["n_files"], night.worse["error_share"]
        usual = f"at most {percent(edge)}" if edge else "none"
        words = f"more errors than usual: {percent(share)} of the files failed or are missing, usually {usual}"
        yield Finding("warning", words, "#attention", teller_of(night, "failed"))


def check_notes(night: Night) -> Iterable[Finding]:
    """Everything that was there could be looked at."""
    count = sum(min(len(notes), MAX_NOTES) for notes in night.notes.values())
    if count:
        more = "more than " if any(len(notes) > MAX_NOTES for notes in night.notes.values()) else ""
        tellers = ", ".join(name for name, notes in night.notes.items() if notes)
        yield Finding("warning", f"{more}{n_of(count, 'odd thing')} while looking at what there is", "#notes", tellers)


def tell_twice(night: Night) -> Iterable[Finding]:
    """What came twice is told, and is no fault."""
    if night.summary["n_twice"]:
        yield Finding(
            "normal", f"{n_of(night.summary['n_twice'], 'file')} came twice under the same name", "#files", teller_of(night, "twice")
        )


def tell_pending(night: Night) -> Iterable[Finding]:
    """What is on its way is told, and is no fault."""
    if night.summary["n_pending"]:
        why = "" if night.is_told else ": whether they were ingested is not known"
        yield Finding("normal", f"{n_of(night.summary['n_pending'], 'file')} pending{why}", "#pending", teller_of(night, "pending"))


CHECKS = (check_silence, check_classes, check_lost, check_delay, check_usual, check_notes, tell_pending, tell_twice)


def findings(night: Night, more: Iterable[Finding] = ()) -> list[Finding]:
    """All that the checks found, and what the sources' own checks did (`more`), worst first."""
    found = [*(finding for check in CHECKS for finding in check(night)), *more]
    taken: set[str] = set()
    ordered = sorted(found, key=lambda finding: -LEVELS.index(finding.level))
    return [replace(finding, anchor=address("finding", finding.text.partition(":")[0], taken)) for finding in ordered]


def sum_up(found: list[Finding]) -> tuple[str, str]:
    """A status word, and what is wrong in words, "" where nothing is; `found` is worst first."""
    wrong = [finding.text for finding in found if finding.level != "normal"]
    more = [f"and {len(wrong) - MAX_SAID:,} more"] if len(wrong) > MAX_SAID else []
    return worst(finding.level for finding in found), "; ".join([*wrong[:MAX_SAID], *more])
