"""Rows of findings on a night's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model.digest import hex_digest
from observing_monitor.model.finding import Finding, ListedFinding
from observing_monitor.model.wording import exposure_anchor, n_of
from observing_monitor.pages.contexts import ListedRows
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.tables import Cell, Table, TableColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observing_monitor.model.finding import Row


MAX_LISTED = 500  # rows of all findings
OPEN_ROWS = 5  # a group of so few rows is open at first


def listed_rows(
    findings: Iterable[Finding], exposures: Mapping[str, str] | None = None
) -> tuple[list[ListedRows], dict[str, str]]:
    """Return the rows of findings in groups, and links.

    A finding with several rows is a group. Findings of a single row are in one group if level and
    label are the same.

    Parameters
    ----------
    findings : iterable of Finding
    exposures : mapping, optional
        Anchor of an exposure -> address of its row in the observing log.

    Returns
    -------
    groups : list of ListedRows
    hrefs : dict of str to str
        Anchor of a finding -> link to its group, or to its row.
    """
    grouped: dict[str, list[ListedFinding]] = {}
    for finding in findings:
        if isinstance(finding, ListedFinding):
            is_single = finding.n_rows == 1
            common = f"{finding.level} {finding.label} {bool(finding.acknowledged)}"
            grouped.setdefault(common if is_single else finding.anchor, []).append(finding)
    taken: set[str] = set()
    made, hrefs, n_left = [], dict[str, str](), MAX_LISTED
    for of_group in grouped.values():
        pairs = [(row, finding) for finding in of_group for row in finding.rows][: max(n_left, 1)]
        n_left -= len(pairs)
        anchors = [_row_anchor(finding.label, row, taken) for row, finding in pairs]
        group = _group(of_group, [row for row, _ in pairs], anchors, exposures or {})
        made.append(group)
        for (_, finding), anchor in zip(pairs, anchors, strict=True):
            hrefs[finding.anchor] = f"#{anchor if finding.n_rows == 1 else group.anchor}"
    return made, hrefs


def _group(
    of_group: list[ListedFinding],
    rows: list[Row],
    anchors: list[str],
    exposures: Mapping[str, str],
) -> ListedRows:
    first = of_group[0]
    n_rows = sum(finding.n_rows for finding in of_group)
    several = f"{rows[0].name} and {n_of(n_rows - 1, 'other')}"
    shown = f"The first {len(rows):,} of {n_rows:,}."
    name = WORDS["exposure"]["name"] if first.is_of_exposures else WORDS["file"]["path"]
    names: list[str | Cell] = [row.name for row in rows]
    if first.is_of_exposures:
        hrefs = [exposures.get(exposure_anchor(row.name)) for row in rows]
        names = [
            Cell(row.name, href=href) if href else row.name
            for row, href in zip(rows, hrefs, strict=True)
        ]
    table = Table(
        [
            TableColumn(name, names, "path", is_foreign=True),
            TableColumn(
                WORDS["file"]["reason"], [row.reason for row in rows], "why", is_foreign=True
            ),
        ],
        caption=shown if n_rows > len(rows) else "",
        css="attention",
        anchors=anchors,
        is_labelled=True,
    )
    return ListedRows(
        anchor=first.anchor.replace("finding-", "rows-", 1),
        label=first.label,
        level=first.level,
        words=first.text if len(of_group) == 1 else several,
        n_rows=n_rows,
        table=table,
        acknowledged=first.acknowledged,
        is_open=len(rows) <= OPEN_ROWS,
    )


def _row_anchor(label: str, row: Row, taken: set[str]) -> str:
    """Return a new address for a row."""
    anchor = first = f"row-{hex_digest(f'{label} {row.name}', n_bytes=5)}"
    number = 1
    while anchor in taken:
        number += 1
        anchor = f"{first}-{number}"
    taken.add(anchor)
    return anchor
