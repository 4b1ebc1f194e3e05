"""Groups of files, queues and failures on a night's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import wording
from observing_monitor.model.messages import first_line
from observing_monitor.pages import contexts
from observing_monitor.pages.night_tables import attention_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from observing_monitor.model.finding import Finding
    from observing_monitor.tables.attention import Attention, AttentionGroup
    from observing_monitor.tables.stages import AttemptEntry, SourceQueue, Stage


MAX_ATTENTION = 240  # rows of files that need attention; the list of all files has the rest
MAX_ATTENTION_GROUPS = 60  # groups of these files
MAX_OF_GROUP = 20  # files of one group
OPEN_GROUPS = 3  # groups that are open at first, if they are small
OPEN_FILES = 3  # files of a small group
MAX_ENTRIES = 25  # entries of a queue, waiting and failed each
MAX_REASON = 200  # characters of the one line of a message
MAX_DETAIL = 100_000  # characters of full messages of the files that need attention, and of queues


class Room:
    """Room for full messages, in characters."""

    def __init__(self, left: int = MAX_DETAIL) -> None:
        self.left = left

    def fit(self, text: str) -> str:
        """Return a text if it fits, else ""."""
        if len(text) > self.left:
            return ""
        self.left -= len(text)
        return text


def odd_nodes(findings: Iterable[Finding]) -> dict[str, set[str]]:
    """Return the nodes that findings complain about, by source."""
    odd: dict[str, set[str]] = {}
    for finding in findings:
        if finding.node and finding.level != "normal":
            odd.setdefault(finding.source, set()).add(finding.node)
    return odd


# --- files that need attention -------------------------------------------------------------------


def shown_groups(groups: Sequence[AttentionGroup], night: str) -> list[contexts.ErrorGroup]:
    """Return the files that need attention, in groups.

    Of many groups the largest are shown, but the first one of every class; of each group its first
    files.
    """
    groups = _largest(groups)
    room = Room()
    # messages of groups come first, then those of files that differ
    details = [room.fit(group["detail"]) for group in groups]
    made, n_left = [], MAX_ATTENTION
    for number, (group, detail) in enumerate(zip(groups, details, strict=True)):
        n_later_groups = len(groups) - number - 1
        rows = group["rows"][: max(1, min(MAX_OF_GROUP, n_left - n_later_groups))]
        n_left -= len(rows)
        made.append(_shown_group(group, rows, detail, room, night))
    for shown in made[:OPEN_GROUPS]:
        shown.is_open = shown.n_files <= OPEN_FILES
    return made


def _largest(groups: Sequence[AttentionGroup]) -> list[AttentionGroup]:
    """Return the largest groups, in their order.

    The first group of each class is always among them.
    """
    others = sorted(
        (g for g in groups if g["anchor"] != g["file_class"]), key=lambda g: len(g["rows"])
    )
    n_too_many = max(len(groups) - MAX_ATTENTION_GROUPS, 0)
    left_out = {group["anchor"] for group in others[:n_too_many]}
    return [group for group in groups if group["anchor"] not in left_out]


def _shown_group(
    group: AttentionGroup, rows: Sequence[Attention], detail: str, room: Room, night: str
) -> contexts.ErrorGroup:
    details = [room.fit(row["detail"]) if row["detail"] != group["detail"] else "" for row in rows]
    return contexts.ErrorGroup(
        anchor=group["anchor"],
        file_class=group["file_class"],
        words=group["words"],
        n_files=len(group["rows"]),
        first_at=group["first_at"],
        last_at=group["last_at"],
        detail=detail,
        table=attention_table(rows, details, night, len(group["rows"])),
        acknowledged=group["acknowledged"],
    )


# --- queues and stages ---------------------------------------------------------------------------


def shown_queues(queues: Iterable[SourceQueue]) -> list[contexts.Queue]:
    """Return the queues as the page shows them."""
    taken: set[str] = set()
    room, made = Room(), []
    for queue in queues:
        errors = _entries(queue["errors"], room)  # messages of errors come first
        n_errors = len(queue["errors"])
        made.append(
            contexts.Queue(
                name=queue["name"],
                anchor=wording.new_anchor("queue", queue["name"], taken),
                n_waiting=len(queue["waiting"]),
                n_errors=n_errors,
                waiting=_entries(queue["waiting"], room),
                errors=errors,
                error_words=wording.n_of(n_errors, "error") if n_errors else "",
            )
        )
    return made


def shown_failures(
    stages: Iterable[Stage], listed_elsewhere: Collection[str]
) -> list[contexts.StageFailures]:
    """Return failures of stages that are not listed elsewhere."""
    room, made = Room(), []
    for stage in stages:
        entries = [] if stage["name"] in listed_elsewhere else _entries(stage["failures"], room)
        if entries:
            n_failed = stage["n_failed"]
            words = wording.n_of(n_failed, "file")
            anchor = wording.new_anchor("failures", stage["name"], set())
            made.append(contexts.StageFailures(stage["name"], words, n_failed, entries, anchor))
    return made


def _entries(entries: Sequence[AttemptEntry], room: Room) -> list[contexts.QueueEntry]:
    """Return the first entries of a list."""
    shown = []
    for entry in entries[:MAX_ENTRIES]:
        message = entry["message"]
        reason = first_line(message, MAX_REASON)
        shown.append(
            contexts.QueueEntry(
                path=entry["path"],
                state=entry["state"],
                since=entry["since"],
                reason=reason,
                detail=room.fit(message) if reason != message else "",
                destination=entry["destination"],
            )
        )
    return shown
