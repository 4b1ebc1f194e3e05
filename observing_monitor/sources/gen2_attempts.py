"""Join Gen2 raws with their links, as attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.sources.shared.butler import FILE_GONE, join_texts

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame


MESSAGES = {
    "unregistered": "linked, but the registry does not have it: ",
    "lost": FILE_GONE,
    "success": "",
}


def join_raws(raws: DataFrame, links: DataFrame) -> DataFrame:
    """Return raws and links in one table.

    Parameters
    ----------
    raws
        Columns of `gen2_raws.from_arrays`. Of two rows of one raw the first counts.
    links
        Columns of `gen2_links.links_below`. Of two links of one raw the first that leads to a
        file counts.

    Returns
    -------
    DataFrame
        All registered raws, then the links without one. The columns of both, except is_dangling;
        `is_registered`, and `is_there` if a link leads to a file.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    n_raws, is_dangling = len(raws), links["is_dangling"].to_numpy()
    exposures = frames.texts(
        pa.concat_arrays([frames.arrow(raws["exposure"]), frames.arrow(links["exposure"])])
    )
    detectors = np.concatenate([raws["detector_number"], links["detector_number"]])
    keys = _numbered(exposures, detectors)
    of_raws, of_links = keys[:n_raws], keys[n_raws:]
    every_raw, every_link = np.arange(n_raws), np.argsort(is_dangling, kind="stable")
    # key -> its first raw, its first link; in reverse, because the last assignment counts
    first_raw, first_link = np.full(len(keys), -1), np.full(len(keys), -1)
    first_raw[of_raws[::-1]] = every_raw[::-1]
    first_link[of_links[every_link[::-1]]] = every_link[::-1]
    registered = every_raw[first_raw[of_raws] == every_raw]
    is_first = first_link[of_links[every_link]] == every_link
    alone = every_link[is_first & (first_raw[of_links[every_link]] < 0)]
    # each result row's raw, link and key; -1 for none
    raw_at = np.concatenate([registered, np.full(len(alone), -1)])
    link_at = np.concatenate([first_link[of_raws[registered]], alone])
    key_at = np.concatenate([registered, n_raws + alone])
    is_there = link_at >= 0
    is_there[is_there] = ~is_dangling[link_at[is_there]]
    own = {"exposure": exposures.array.take(key_at), "detector_number": detectors[key_at]}
    of_both = {
        name: table[name].array.take(at, allow_fill=True)
        for table, at in ((raws, raw_at), (links, link_at))
        for name in table.columns.drop([*own, "is_dangling"], errors="ignore")
    }
    return pd.DataFrame({**own, **of_both, "is_registered": raw_at >= 0, "is_there": is_there})


def _numbered(exposures: Any, detectors: Any) -> Any:
    """Return a number for each exposure and detector.

    Rows with equal values get the same number.
    """
    import pandas as pd

    detector = pd.factorize(detectors)[0]
    n_detectors = int(detector.max(initial=0)) + 1
    return pd.factorize(pd.factorize(exposures)[0] * n_detectors + detector)[0]


def to_attempts(both: DataFrame) -> DataFrame:
    """Return the result of `join_raws` with the columns `columns.ATTEMPTS`.

    The status is `success`, `lost` if the file of a registered raw is gone, or `unregistered` if
    there is only a link.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    is_registered, is_there = both["is_registered"].to_numpy(), both["is_there"].to_numpy()
    link, plain = frames.arrow(both["link"]), _plain_names(both)
    raft_and_sensor = join_texts(
        frames.arrow(both["raftName"]), "_", frames.arrow(both["detectorName"])
    )
    # the number of each row's status in MESSAGES
    form = pa.array(np.where(is_registered, np.where(is_there, 2, 1), 0), pa.int64())
    place = pc.if_else(
        pa.array(is_registered & is_there),
        "",
        pc.coalesce(link, pa.scalar("no link under raw/", link.type)),
    )
    message = join_texts(pa.array(list(MESSAGES.values()), link.type).take(form), place)
    number = pa.array(both["detector_number"]).cast(link.type)
    attempts = {
        "stage": "ingest",
        "attempted_at": both["linked_at"],
        "status": frames.texts(pa.array(list(MESSAGES), link.type).take(form)),
        "message": frames.texts(message),
        "attempt": 1,
        "destination": both["link"],
        "path": frames.texts(pc.coalesce(link, pc.binary_replace_slice(plain, 0, 0, "raw/"))),
        "names": frames.texts(_possible_names(both, plain, raft_and_sensor)),
        "size_bytes": both["size"],
        "created_at": both["made_at"],
        "obsid": both["obsid"],
        "exposure": both["exposure"],
        "seq_num": both["seqNum"],
        "detector": frames.texts(pc.coalesce(raft_and_sensor, number)),
        "on_disk": is_there,
        "device": both["device"].where(is_there),
        "inode": both["inode"].where(is_there),
    }
    return frames.frame(columns.ATTEMPTS, pd.DataFrame(attempts, index=both.index))


def _plain_names(both: DataFrame) -> Any:
    """Return the names of links without raft and sensor.

    An example is 3018092000065-det000.
    """
    import pandas as pd
    import pyarrow as pa

    codes, numbers = pd.factorize(both["detector_number"])
    ends = pa.array([f"-det{number:03d}" for number in numbers], pa.large_string())
    return join_texts(frames.arrow(both["exposure"]), ends.take(pa.array(codes, pa.int64())))


def _possible_names(both: DataFrame, plain: Any, raft_and_sensor: Any) -> Any:
    """Return possible names in the file store, one per line."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    forms, obsid = [frames.arrow(both["name"]), plain], frames.arrow(both["obsid"])
    if raft_and_sensor.null_count < len(both):
        raft, detector = frames.arrow(both["raftName"]), frames.arrow(both["detectorName"])
        forms += [join_texts(obsid, "-", raft, detector), join_texts(obsid, "_", raft_and_sensor)]
    # the obsid alone, if the exposure has one detector
    each = obsid.dictionary_encode().indices.fill_null(-1).to_numpy()
    is_alone = pa.array(np.bincount(each + 1)[each + 1] == 1)
    forms.append(pc.if_else(is_alone, obsid, pa.scalar(None, obsid.type)))
    return join_texts(*forms, between="\n", skip_null=True)
