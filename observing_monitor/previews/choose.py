"""Choose the files of a night that get a thumbnail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame


def choose(files: DataFrame, most: int, made: Iterable[str] = ()) -> tuple[DataFrame, int]:
    """Choose the files of a night that get a thumbnail, at most `most`.

    If there are more, one detector of each exposure is taken first, then the next of each, and the
    newest exposures first. A file without exposure counts as an exposure.

    Parameters
    ----------
    files : DataFrame
        Columns `columns.FILES`.
    most : int
    made : iterable of str
        file_ids that have a picture: they count even if the file is no longer on disk.

    Returns
    -------
    chosen : DataFrame
        The chosen rows, newest exposure first, with a column `group`.
    n_images : int
        The number of images to choose from.
    """
    is_image = (files["kind"] == "fits") & (files["on_disk"] | files["file_id"].isin(list(made)))
    images = files[is_image & files["path"].str.startswith("/").fillna(False).astype(bool)]
    if images.empty:
        return images, 0
    group = images["exposure"].fillna(images["obsid"]).fillna(images["file_id"])
    images = images.assign(group=group).sort_values(["detector", "file_id"], kind="stable")
    images["begun_at"] = images.groupby("group")["created_at"].transform("min")
    images["turn"] = images.groupby("group").cumcount()
    newest = images.sort_values(
        ["turn", "begun_at", "group"], ascending=[True, False, False], kind="stable"
    ).head(most)
    return newest.sort_values(
        ["begun_at", "group", "turn"], ascending=[False, False, True], kind="stable"
    ), len(images)
