"""Gen3 Butler repositories.

The source reads which exposures and raws a registry has, and looks at the raws' files.
`butler.yaml` says where the registry's database (SQLite or PostgreSQL) and the datastores are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.listing import ABSENT, instants, whole_numbers
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling
from observing_monitor.sources.gen3_exposures import to_exposures
from observing_monitor.sources.gen3_places import ExistingFolders, folder_times, stat_files
from observing_monitor.sources.gen3_registry import Gen3Registry
from observing_monitor.sources.shared.butler import FILE_GONE, join_texts
from observing_monitor.sources.shared.meanings import PASSWORD_ENV, TIMEOUT_S

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known
    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.gen3_registry import Raws
    from observing_monitor.sources.shared.butler import AnyArray


class Gen3Repository(Telling):
    """The raws of a registry with their files."""

    @dataclass
    class Settings:
        """Settings of a source of type `gen3`."""

        path: Path = setting(
            REQUIRED,
            "Repository: a folder with `butler.yaml` or `gen3repo/butler.yaml`, or a "
            "`butler.yaml`.",
            example="/data/auxTel/gen3repo",
        )
        instrument: str = setting(
            "", "Instrument whose exposures are read. By default, all.", example="LATISS"
        )
        dataset_type: str = setting("raw", "Type of the datasets that count as ingested files.")
        url: str = setting(
            "",
            "Registry's database, if not that of `butler.yaml`: a replica, or another user.",
            example="postgresql://reader@replica/gen3",
        )
        password_env: str = setting(
            "", PASSWORD_ENV, example="BUTLER_PASSWORD", affects_reading=False
        )
        timeout_s: float = setting(30, TIMEOUT_S, affects_reading=False)

    @staticmethod
    def stages_of(settings: Gen3Repository.Settings) -> tuple[str, ...]:
        """Return the stage `ingest`."""
        return ("ingest",)

    @staticmethod
    def place_of(settings: Gen3Repository.Settings) -> str:
        """Return the repository, and the database in the settings."""
        if settings.url:
            return f"{settings.path} and {Database(settings.url).place}"
        return str(settings.path)

    def __init__(self, settings: Gen3Repository.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "gen3"
        database = Database(settings.url, settings.password_env, settings.timeout_s)
        if settings.url:
            database.check()
        self.registry = Gen3Registry(
            settings.path, database, settings.instrument, settings.dataset_type
        )
        # night -> its raws, from look to read
        self._looked: dict[datetime.date, Raws] = {}

    def nights(self) -> set[datetime.date]:
        """Return the nights of the registry's exposures."""
        return self.registry.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return numbers of the night's raws, and folders' times.

        If the registry is a file that has not changed, it is not opened.
        """
        state = self.registry.state()
        is_same = (
            known and state and state == known["registry"] and not self.asked.look_at_everything
        )
        if not known or not (is_same or self.registry.count(night) == known["rows"]):
            # the night is about to be read
            raws = self._looked[night] = self.registry.raws(night)
            folders = folder_times(_folders_of(raws))
            return {"registry": state, "rows": raws.numbers, "folders": folders}
        folders = folder_times(known["folders"])
        if folders == known["folders"]:
            # without the new state: changes of other nights are none of this one
            return known
        return {"registry": state, "rows": known["rows"], "folders": folders}

    def read(self, night: datetime.date) -> Reading:
        """Return the night's exposures, and its attempts, one per raw.

        The status is `success`, or `lost` if the file is gone.
        """
        raws = self._looked.pop(night) if night in self._looked else self.registry.raws(night)
        attempts = (
            self._attempts(raws.table) if raws.table.num_rows else frames.empty(columns.ATTEMPTS)
        )
        place = f"{self.place_of(self.settings)}, night {night}"
        counts = {place: Counts(raws.table.num_rows + raws.n_exposures)}
        exposures = to_exposures(raws.exposures, raws.names)
        return Reading(attempts=attempts, notes=raws.notes, counts=counts, exposures=exposures)

    def _attempts(self, table: pa.Table) -> DataFrame:
        """Return a table of raws with the columns `columns.ATTEMPTS`."""
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        raws: dict[str, AnyArray] = {
            name: table[name].combine_chunks() for name in table.column_names
        }
        files = raws["file"].to_numpy(zero_copy_only=False)
        seen = stat_files(files)
        is_lost: AnyArray = pa.array(self._are_lost(files, seen["mtime_ns"] == ABSENT, raws))
        place = pc.fill_null(raws["shown"], "no datastore has it")
        message: AnyArray = pa.nulls(len(files), pa.large_string())
        if is_lost.true_count:
            message = pc.if_else(is_lost, join_texts(FILE_GONE, place), None)
        size = pc.fill_null(raws["size"], -1).to_numpy()
        attempts = {
            "stage": "ingest",
            "attempted_at": raws["ingested_at"].to_pandas(),
            "status": frames.texts(pc.if_else(is_lost, "lost", "success")),
            "message": frames.texts(pc.fill_null(message, "")),
            "attempt": _attempt_numbers(raws),
            "destination": frames.texts(place),
            "path": frames.texts(self._paths(raws)),
            "names": frames.texts(_possible_names(raws)),
            "size_bytes": whole_numbers(np.where(size < 0, seen["size"], size)),
            "created_at": instants(seen["mtime_ns"]),
            "exposed_at": raws["ended_at"].to_pandas(),
            "obsid": frames.texts(raws["obsid"]),
            "exposure": frames.texts(raws["exposure"]),
            "seq_num": whole_numbers(pc.fill_null(raws["seq_num"], ABSENT).to_numpy()),
            "detector": frames.texts(raws["detector"]),
            "on_disk": ~is_lost.to_numpy(zero_copy_only=False),
            "device": whole_numbers(seen["device"]),
            "inode": whole_numbers(seen["inode"]),
        }
        return frames.frame(columns.ATTEMPTS, pd.DataFrame(attempts))

    def _paths(self, raws: Mapping[str, AnyArray]) -> AnyArray:
        """Return each raw's permanent name.

        A raw that was ingested several times, as in another transfer mode, keeps its first name.
        The name is made up if no datastore has the raw.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        key, codes = raws["key"], _codes(raws)
        if key.null_count:
            type_ = f"{self.settings.dataset_type}/"
            key = pc.coalesce(key, join_texts(type_, raws["exposure"], raws["-det000"]))
        if not codes.duplicated().any():
            return key
        of_raw = codes.groupby([*codes], sort=False).ngroup().to_numpy()
        first = codes.drop_duplicates().index.to_numpy()
        return key.take(pa.array(first[of_raw]))

    def _are_lost(
        self, files: Sequence[str], is_absent: NDArray[np.bool_], raws: Mapping[str, AnyArray]
    ) -> NDArray[np.bool_]:
        """Return True for each lost raw.

        No datastore has it, or its file is not there although it should be.
        """
        is_lost: NDArray[np.bool_] = raws["shown"].is_null().to_numpy(zero_copy_only=False).copy()
        folders = ExistingFolders()
        roots = [root for root, _ in self.registry.repository.datastores]
        stores = raws["store"]
        for row in is_absent.nonzero()[0].tolist():
            if file := files[row]:
                is_lost[row] = folders.should_have(file, roots[stores[row].as_py()])
        return is_lost


def _folders_of(raws: Raws) -> list[str]:
    """Return the folders, on this machine, of a night's files."""
    if not raws.table.num_rows:
        return []
    files = raws.table["file"].to_numpy()
    return sorted({file.rpartition("/")[0] or "/" for file in files if file})


def _codes(raws: Mapping[str, AnyArray]) -> DataFrame:
    import pandas as pd

    names = ("exposure_code", "detector_code")
    return pd.DataFrame({name: raws[name].to_numpy() for name in names})


def _attempt_numbers(raws: Mapping[str, AnyArray]) -> Series[int] | int:
    """Number the attempts of each exposure and detector.

    The first is 1.
    """
    codes = _codes(raws)
    return codes.groupby([*codes]).cumcount() + 1 if codes.duplicated().any() else 1


def _possible_names(raws: Mapping[str, AnyArray]) -> AnyArray:
    """Return possible names in the file store, one per line."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    exposure, obsid = raws["exposure"], raws["obsid"]
    n_detectors = np.bincount(_codes(raws).drop_duplicates()["exposure_code"])
    is_alone = pa.array((n_detectors == 1)[raws["exposure_code"].to_numpy()])
    forms = (
        pc.replace_substring_regex(raws["key"], "(?s)^.*/", ""),
        join_texts(exposure, raws["-det000"]),
        join_texts(exposure, raws["-R22-S00-det000"]),
        join_texts(obsid, raws["-R22S00"]),
        join_texts(obsid, raws["_R22_S00"]),
        # the obsid alone, if the exposure has one detector
        pc.if_else(is_alone, obsid, None),
    )
    return join_texts(*forms, between="\n", skip_null=True)
