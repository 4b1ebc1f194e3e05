"""A night's exposures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.names import folders

if TYPE_CHECKING:
    from pandas import DataFrame, Series


def exposure_names(files: DataFrame) -> Series[str]:
    """Return each file's exposure, null if unknown.

    It is the obsid, or else that of another file of the same exposure, or else the exposure. Of
    two sources one may know the obsid alone, the other the exposure alone.
    """
    obsid, exposure = files["obsid"], files["exposure"]
    is_open = obsid.isna() & exposure.notna()
    if not is_open.any():
        return obsid
    wanted = exposure[is_open]
    both = files.loc[obsid.notna() & exposure.isin(wanted.unique()), ["obsid", "exposure"]]
    known = both.drop_duplicates("exposure").set_index("exposure")["obsid"]
    names = wanted.map(known).astype(obsid.dtype).fillna(wanted)
    return obsid.where(~is_open, names)


def group_exposures(judged: DataFrame) -> DataFrame:
    """Return a night's exposures, by creation.

    Files without an exposure are grouped by folder.

    Parameters
    ----------
    judged : DataFrame
        From `classify`.

    Returns
    -------
    DataFrame
        Columns name, seq_num, n_files, the latest created_at, transferred_at and ingested_at,
        and a column with the number of files for each class that the night has files of, in
        the order of `columns.CLASSES`.
    """
    import numpy as np

    named = exposure_names(judged)
    is_nameless = named.isna()
    if is_nameless.any():
        named = named.where(~is_nameless, folders(judged.loc[is_nameless, "file_id"]))
    # grouping by integers is faster than by names
    codes, names = pd.factorize(named)
    order = pd.Index(names).argsort()
    groups = order.argsort()[codes]
    latest = judged[["seq_num", "created_at", "transferred_at", "ingested_at"]].groupby(groups)
    shown = latest.agg(
        {"seq_num": "first", "created_at": "max", "transferred_at": "max", "ingested_at": "max"}
    )
    shown.insert(0, "name", names[order])
    shown.insert(2, "n_files", np.bincount(groups, minlength=len(names)))
    class_codes, classes = pd.factorize(judged["file_class"])
    code_of = {str(name): code for code, name in enumerate(classes)}
    for described in columns.CLASSES:
        if described.name in code_of:
            is_of_class = class_codes == code_of[described.name]
            shown[described.name] = np.bincount(groups[is_of_class], minlength=len(names))
    return shown.sort_values("created_at", kind="stable", ignore_index=True)
