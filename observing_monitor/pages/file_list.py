"""All files of a night, as a script for its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.pages import packed
from observing_monitor.pages.glossary import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pandas import DataFrame

    from observing_monitor.pages.glossary import Word


# The form of the data has this name: an open page of an earlier version ignores another one.
FUNCTION = "observing_monitor_rows"
# name (of columns.FILE_LIST), how it is packed; in the order of the page
COLUMNS = (
    ("path", "path"),
    ("file_class", "word"),
    ("reason", "word"),
    ("size_bytes", "bytes"),
    ("created_at", "instant"),
    ("transferred_at", "instant"),
    ("ingested_at", "instant"),
    ("seq_num", "int"),
    ("detector", "word"),
    ("exposure", "word"),
    ("obsid", "word"),
)
# for the observing log alone: last attempt of a file that did not pass the last stage
TRIED = "tried_at"
# the stages come after this column
BEFORE_STAGES = "ingested_at"


def render_files_js(files: DataFrame, stages: Sequence[str] = ()) -> str:
    """Return the script with all rows of `files`.

    The same rows give the same bytes.

    Parameters
    ----------
    files : DataFrame
        Columns as in `COLUMNS`, dtypes as in `columns.DTYPES`. Without rows the table is empty.
    stages : sequence of str
        Stages besides the last: `files` has a column `STAGE_at` for each, with the time at which
        each file passed it. If it has `TRIED`, the script does, but not as a shown column.

    Returns
    -------
    str
        From `packed.script`.
    """
    columns: list[packed.Packed] = [
        {"name": name, "kind": kind, "label": label, "meaning": meaning, "anchor": word.anchor}
        | packed.pack(kind, files[name])
        for name, kind, label, meaning, word in _shown_columns(stages)
    ]
    if TRIED in files:
        word = WORDS["file"][TRIED]
        head = {"name": TRIED, "kind": "instant", "label": word.label, "meaning": word.meaning}
        columns.append(
            head | {"anchor": word.anchor, "is_shown": False} | packed.pack("instant", files[TRIED])
        )
    return packed.script(FUNCTION, {"n": len(files), "columns": columns})


def _shown_columns(stages: Sequence[str]) -> Iterator[tuple[str, str, str, str, Word]]:
    """Yield name, kind, label, meaning and word of each column."""
    words = WORDS["file"]
    for name, kind in COLUMNS:
        word = words[name]
        yield name, kind, word.label, word.meaning, word
        if name == BEFORE_STAGES:
            for stage in stages:
                meaning = f"When the file passed the stage {stage}"
                yield f"{stage}_at", "instant", stage.capitalize(), meaning, words["stage_at"]
