"""Checks: functions from a `Night` to findings.

The worst finding decides the status.

`CHECKS` lists them. A further check is one more function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from observing_monitor.judging.left_out import is_of_rows, is_to_come
from observing_monitor.judging.usual import numbers
from observing_monitor.model.finding import (
    Finding,
    ListedFinding,
    Row,
    plain,
    worst,
    worst_first,
)
from observing_monitor.model.wording import measured, n_of, new_anchor, percent, seconds
from observing_monitor.storage.index import OldData, Silent
from observing_monitor.tables.cross_night import CrossNightFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.storage.index import Fault


# notes kept of a night and source; one more says how many were left out
MAX_NOTES = 100
# rows of a finding on the page
MAX_ROWS = 200
# level and sentence of a change, and its rows if they are known
Change = tuple[str, str] | tuple[str, str, tuple[Row, ...]]
# end of a finding's text that is no part of its address
_KNOWN = re.compile(r",(?: [\d,]+ of them| all of them)? known$")
# findings named in a night's one line
MAX_NAMED = 8


@dataclass(frozen=True)
class Night:
    """Facts about a night that checks use.

    Attributes
    ----------
    summary : mapping
        By the names of `columns.NIGHTS`.
    silent : mapping
        Source -> its problem, and since when.
    old_settings : mapping
        Source -> numbers of its data that were derived under settings that changed since.
    notes : mapping
        Source -> sentences.
    counted : frozenset of str
        Sources whose rows left out are a finding already.
    without_effect : mapping
        Source, or "" for the stream's settings -> sentences about settings without effect.
    has_answered : bool
        True if the source of the last stage has ever answered for this night.
    delay_warning_s : float or None
        The stream's limit.
    file_sources, stage_sources : str
        Names of the sources of files and of the last stage.
    misdated : tuple of int and float
        Number of files dated after their arrival, and the largest gap in seconds.
    changes : tuple
        Level, sentence and rows of each change of what seemed final.
    misdated_rows, repeated : tuple of Row
        The files dated after their arrival, and the names that came twice; the first ones.
    removed : tuple of str
        Sources with data that are no longer in the settings.
    worse : mapping
        Measure that is worse than usual -> limit of the usual, from `usual.worse`.
    image_quality : tuple of str
        Name and unit of the measure that is the image quality.
    cross_night : tuple of CrossNightFiles
        Files that a source assigns to another night than the one on which they lie.
    known : mapping
        Class, or lost -> reason -> number of files acknowledged for it.
    since : mapping
        Class -> when its first file failed or arrived, such as `2020-02-13 03:12`.
    zeros : tuple of str
        Names of the files of which every pixel is 0.
    stopped : tuple of Finding
        From `stopped.stopped_findings`.
    exposures : tuple of Finding
        Of exposures: their files, what sources say of them, limits of measures, the dome.
    """

    summary: Mapping[str, Any]
    silent: Mapping[str, Silent] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()
    old_settings: Mapping[str, OldData] = field(default_factory=dict)
    without_effect: Mapping[str, Sequence[str]] = field(default_factory=dict)
    has_answered: bool = True
    delay_warning_s: float | None = None
    file_sources: str = ""
    stage_sources: str = ""
    misdated: tuple[int, float] = (0, 0.0)
    misdated_rows: tuple[Row, ...] = ()
    repeated: tuple[Row, ...] = ()
    changes: tuple[Change, ...] = ()
    removed: tuple[str, ...] = ()
    worse: Mapping[str, float] = field(default_factory=dict)
    image_quality: tuple[str, str] = ("", "")
    cross_night: tuple[CrossNightFiles, ...] = ()
    known: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    since: Mapping[str, str] = field(default_factory=dict)
    zeros: tuple[str, ...] = ()
    stopped: tuple[Finding, ...] = ()
    exposures: tuple[Finding, ...] = ()


def listed(found: Finding, label: str, rows: tuple[Row, ...], n_rows: int) -> Finding:
    """Return a finding with its rows, if any."""
    if not rows:
        return found
    return ListedFinding(**plain(found), label=label, rows=rows, n_rows=n_rows)


def check_silence(night: Night) -> Iterable[Finding]:
    """Check that every source answered."""
    for source, silent in night.silent.items():
        yield Finding("error", silence_words(source, silent), "#sources", source)


def silence_words(source: str, silent: Fault | Silent) -> str:
    """Return the finding's text about a source that does not answer."""
    since = silent["since"][:16].replace("T", " ")
    return f"{source} could not be read since {since} UTC: {silent['problem']}"


def check_stopped(night: Night) -> Iterable[Finding]:
    """Check that files still come, and still pass each stage."""
    yield from night.stopped


def check_exposures(night: Night) -> Iterable[Finding]:
    """Report findings about exposures."""
    yield from night.exposures


def check_classes(night: Night) -> Iterable[Finding]:
    """Check that no file failed, is missing, gone or small."""
    words_of = {
        "failed": ("error", "failed{}"),
        "missing": ("error", "never tried{}, though older than the limit"),
        "gone": ("warning", "recorded but no longer on disk, and never ingested"),
        "small": ("warning", "too small to be an image"),
    }
    for name, (level, words) in words_of.items():
        count = night.summary[f"n_{name}"]
        if count:
            since = f" since {night.since[name]} UTC" if name in night.since else ""
            yield _of_files(night, name, level, f"{n_of(count, 'file')} {words.format(since)}")


def _of_files(night: Night, name: str, level: str, words: str) -> Finding:
    """Return the finding about a class of files.

    It says how many of them are known, and raises an alarm if any is not.
    """
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
        sources_of(night, name),
        acknowledged=reasons if is_known else "",
    )


def sources_of(night: Night, what: str) -> str:
    """Return the sources of a class of files, or of a delay."""
    return (
        night.file_sources
        if what in ("gone", "small", "transfer", "twice")
        else night.stage_sources or night.file_sources
    )


def check_lost(night: Night) -> Iterable[Finding]:
    """Check that ingested files are still in the repository."""
    if night.summary["n_lost"]:
        words = (
            f"{n_of(night.summary['n_lost'], 'file')} ingested, but since gone from the repository"
        )
        yield _of_files(night, "lost", "error", words)


def check_delay(night: Night) -> Iterable[Finding]:
    """Check that nine of ten files were within the limit of delays."""
    for stage in ("transfer", "ingest"):
        p90 = night.summary[f"{stage}_delay_p90_s"]
        if night.delay_warning_s is not None and p90 is not None and p90 > night.delay_warning_s:
            usually = _usually(night, f"{stage}_delay_p90_s")
            words = f"slow {stage}: one file in ten took longer than {seconds(p90)}{usually}"
            yield Finding("warning", words, "#delays", sources_of(night, stage))


def _usually(night: Night, name: str) -> str:
    return f", usually at most {seconds(night.worse[name])}" if name in night.worse else ""


def check_usual(night: Night) -> Iterable[Finding]:
    """Check that the night is no worse than usual.

    `check_delay` reports a delay beyond the stream's limit.
    """
    for stage in ("transfer", "ingest"):
        name = f"{stage}_delay_p90_s"
        if name in night.worse and not (
            night.delay_warning_s is not None and night.summary[name] > night.delay_warning_s
        ):
            p90, usually = seconds(night.summary[name]), _usually(night, name)
            words = f"slower {stage} than usual: one file in ten took longer than {p90}{usually}"
            yield Finding("warning", words, "#delays", sources_of(night, stage))
    if "error_share" in night.worse:
        share, limit = numbers(night.summary)["error_share"] or 0, night.worse["error_share"]
        usual = f"at most {percent(limit)}" if limit else "none"
        words = (
            f"more errors than usual: {percent(share)} of the files failed or are missing, "
            f"usually {usual}"
        )
        yield Finding("warning", words, "#attention", sources_of(night, "failed"))


def check_usual_use(night: Night) -> Iterable[Finding]:
    """Check that overhead and image quality are no worse than usual."""
    name = "overhead_median_s"
    if name in night.worse:
        value, limit = seconds(night.summary[name]), seconds(night.worse[name])
        words = f"more overhead than usual: median {value}, usually at most {limit}"
        yield Finding("warning", words, "#use")
    name = "image_quality_median"
    if name in night.worse:
        measure, unit = night.image_quality
        value, limit = measured(night.summary[name], unit), measured(night.worse[name], unit)
        words = f"worse image quality than usual: median {measure} {value}, usually at most {limit}"
        yield Finding("warning", words, "#use")


def check_clocks(night: Night) -> Iterable[Finding]:
    """Check that no file is dated after its arrival."""
    count, most = night.misdated
    if count:
        they = "it" if count == 1 else "they"
        words = (
            f"{n_of(count, 'file')} dated later than {they} came, "
            f"by up to {seconds(most)}: some clock is wrong"
        )
        yield listed(
            Finding("warning", words, "#files", sources_of(night, "transfer")),
            "dated later than they came",
            night.misdated_rows,
            count,
        )


def check_notes(night: Night) -> Iterable[Finding]:
    """Check that the sources found nothing odd.

    Notes on rows left out have their own finding, unless another counts these rows.
    """
    for name, notes in night.notes.items():
        for words in filter(is_to_come, notes):
            yield Finding("normal", words, "#notes", name)
    rows = {
        name: [is_of_rows(note) for note in notes if not is_to_come(note)]
        for name, notes in night.notes.items()
    }
    for name in rows:
        if any(rows[name]) and name not in night.counted:
            words = f"{name}: rows left out, listed on the night's page"
            yield Finding("warning", words, "#notes", name)
    counts = {name: min(are.count(False), MAX_NOTES) for name, are in rows.items()}
    if count := sum(counts.values()):
        more = "more than " if any(len(notes) > MAX_NOTES for notes in night.notes.values()) else ""
        yield Finding(
            "warning",
            f"{more}{n_of(count, 'odd thing')} in what was read, listed on the night's page",
            "#notes",
            ", ".join(name for name, n in counts.items() if n),
        )


def check_settings(night: Night) -> Iterable[Finding]:
    """Check that every setting has an effect."""
    for source, sentences in night.without_effect.items():
        for words in sentences[:MAX_NAMED]:
            text = f"{source}: {words}" if source else words
            yield Finding("warning", text, "#sources" if source else "", source)


def check_zeros(night: Night) -> Iterable[Finding]:
    """Check that no file is full of zeros, as far as previews read them."""
    if night.zeros:
        n = len(night.zeros)
        names = ", ".join(night.zeros[:MAX_NAMED])
        more = f" and {n - MAX_NAMED:,} more" if n > MAX_NAMED else ""
        verb = "is" if n == 1 else "are"
        words = f"{n_of(n, 'file')} {verb} full of zeros: {names}{more}"
        rows = tuple(Row(name, "every pixel is 0") for name in night.zeros[:MAX_ROWS])
        found = Finding("error", words, "#previews", night.file_sources)
        yield listed(found, "full of zeros", rows, n)


def report_repeated(night: Night) -> Iterable[Finding]:
    """Report files of a name that came before; this is no fault."""
    if night.summary["n_twice"]:
        words = f"{n_of(night.summary['n_twice'], 'file')} came twice under the same name"
        found = Finding("normal", words, "#files", sources_of(night, "twice"))
        yield listed(found, "came twice", night.repeated, night.summary["n_twice"])


def report_pending(night: Night) -> Iterable[Finding]:
    """Report pending files; this is no fault."""
    if night.summary["n_pending"]:
        why = "" if night.has_answered else ": it is not known if they were ingested"
        yield Finding(
            "normal",
            f"{n_of(night.summary['n_pending'], 'file')} pending{why}",
            "#pending",
            sources_of(night, "pending"),
        )


def report_changes(night: Night) -> Iterable[Finding]:
    """Report changes of what seemed final, such as a file's size."""
    for level, words, *rows in night.changes:
        found = Finding(level, words, "#files", night.file_sources)
        named = rows[0] if rows else ()
        yield listed(found, "changed", named, len(named))


def report_cross_night(night: Night) -> Iterable[Finding]:
    """Report files that a source assigns to another night; both nights do."""
    for shared in night.cross_night:
        verb, they_are = ("lies", "it is") if shared.n_files == 1 else ("lie", "they are")
        files = f"{n_of(shared.n_files, 'file')} that {shared.source} dates"
        if shared.is_here:
            yield Finding(
                "normal",
                f"{files} {shared.night} {verb} on this night: {they_are} counted here",
                "#files",
                shared.source,
            )
        else:
            yield Finding(
                "normal",
                f"{files} this night {verb} on {shared.night}: {they_are} counted there",
                "",
                shared.source,
            )


def report_removed(night: Night) -> Iterable[Finding]:
    """Report sources with data that are no longer in the settings."""
    for source in night.removed:
        yield Finding(
            "normal",
            f"{source} is no longer a source of this stream: its last data are kept",
            "#sources",
            source,
        )


def report_old_settings(night: Night) -> Iterable[Finding]:
    """Report data derived under old settings; this is no fault."""
    for source, old in night.old_settings.items():
        counts = {
            "file": old.get("files", 0),
            "arrival": old.get("arrivals", 0),
            "attempt": old.get("attempts", 0),
            "value": old.get("values", 0),
            "exposure": old.get("exposures", 0),
        }
        named = " and ".join(n_of(n, word) for word, n in counts.items() if n)
        verb = "was" if sum(counts.values()) == 1 else "were"
        which = f" ({', '.join(old['changed'])} changed)" if old.get("changed") else ""
        words = f"{named} of {source} {verb} derived under old settings{which}"
        words += ", and can't be read again"
        yield Finding("normal", words, "#sources", source)


CHECKS = (
    check_silence,
    check_stopped,
    check_classes,
    check_lost,
    check_delay,
    check_usual,
    check_usual_use,
    check_clocks,
    check_notes,
    check_settings,
    check_zeros,
    check_exposures,
    report_changes,
    report_cross_night,
    report_removed,
    report_old_settings,
    report_pending,
    report_repeated,
)


def findings(night: Night, more: Iterable[Finding] = ()) -> list[Finding]:
    """Return all findings, with those of sources (`more`), worst first."""
    found = [*(finding for check in CHECKS for finding in check(night)), *more]
    taken: set[str] = set()
    return [
        replace(
            finding,
            anchor=new_anchor("finding", _KNOWN.sub("", finding.text.partition(":")[0]), taken),
        )
        for finding in worst_first(found)
    ]


def sum_up(found: list[Finding]) -> tuple[str, str]:
    """Return a night's status, and its problems in one line or "".

    `found` has the worst first.
    """
    wrong = [finding.text for finding in found if finding.level != "normal"]
    return worst(finding.level for finding in found), _listed(wrong)


def sum_up_known(found: list[Finding]) -> str:
    """Return a night's known problems in one line, or ""."""
    return _listed([finding.text for finding in found if finding.acknowledged])


def _listed(texts: list[str]) -> str:
    more = [f"and {len(texts) - MAX_NAMED:,} more"] if len(texts) > MAX_NAMED else []
    return "; ".join([*texts[:MAX_NAMED], *more])
