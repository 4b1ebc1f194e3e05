"""An observatory that changes at random, one action at a time.

Three streams: a Gen2 repository with its files, a folder of files alone, and numbers of CSV files.
An action is a method whose name begins with `do_`; it returns words for a report, or None if there
was nothing to do. Every random choice comes from one generator, so a seed repeats a walk.
"""

import datetime
import os
import shutil
import sqlite3

import gen2
from gen2tree import later, make_night
from support.settings_text import to_toml

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13, 14)]
CAMERA = gen2.CAMERAS["latiss"]
UTC = datetime.UTC
FIRST_COUNTS = {"ingested": 4, "failed": 1, "missing": 1, "not_fits": 1}
MAX_FILES = 40  # of a night: a walk must not become slower and slower

# stream, setting, other value. A walk sets it, and later removes it.
OTHER_SETTINGS = [
    ("auxTel", "title", "Auxiliary telescope"),
    ("auxTel", "delay_warning_s", 30),
    ("auxTel", "pending_limit_s", 10),
    ("auxTel", "small_bytes", 20_003),
    ("auxTel", "ignore", ["*_000003*"]),
    ("auxTel", "timezone", "America/Santiago"),
    ("auxTel", "stale_after_s", 7200),
    ("auxTel", "night_rule", "TAI-12h"),
    ("auxTel", "from", [{"night": NIGHTS[1], "small_bytes": 25_000}]),
    ("camera", "title", "All sky"),
    ("camera", "night_rule", "UTC"),
    ("camera", "small_bytes", 900),
    ("camera", "ignore", ["*.txt"]),
    ("camera", "pending_limit_s", 3e9),
    ("camera", "quiet_warning_s", 600),
    ("camera", "delay_warning_s", 60),
    ("camera", "from", [{"night": NIGHTS[2], "ignore": ["*r.fits"]}]),
    ("auxTel", "quiet_error_s", 900),
    ("weather", "stale_after_s", 86_400),
    ("weather", "title", "Mast north of the dome"),
    ("weather", "timezone", "Pacific/Honolulu"),
]
# of a source: stream, number of the source, setting, other value
OTHER_SOURCE_SETTINGS = [
    ("camera", 0, "skip", ["*.txt"]),
    ("camera", 0, "name_pattern", r"(?P<exposure>sky\d+)"),
    ("camera", 0, "name_pattern", r"(?P<exposure>sky(\d+)+)(?!x)"),  # not in linear time
    ("camera", 0, "name", "dome"),
    ("camera", 0, "optional", True),
    ("camera", 0, "whole_folders", [f"{NIGHTS[1]}"]),
    ("weather", 0, "zone", "Pacific/Honolulu"),
    ("weather", 0, "constants", {"node": "roof"}),
    ("weather", 0, "missing", [5, 11, 17]),
    ("weather", 0, "headlines", ["wind"]),
    ("weather", 0, "units", {"wind": "m/s"}),
    ("weather", 0, "aggregate", {"humidity": "max"}),
    ("weather", 0, "name", "mast"),
    ("weather", 0, "values", {"wind": "rh", "humidity": "wind"}),
]
EXPECTED = {"type": "expected", "n_files": 8}  # a source that comes and goes
KNOWN = "- night: {night}\n  pattern: '{pattern}'\n  reason: {reason}\n"
OTHER_SITE_SETTINGS = [
    ("title", "Our observatory"),
    ("site_url", "https://example.org/nights/"),
    ("redact", ["sky0002"]),
]


class World:
    """The input files and the settings of the observatory.

    Parameters
    ----------
    folder : Path
        Gets `input/`, and settings files.
    random : random.Random
    """

    is_expected = False  # whether the camera has the source `EXPECTED`

    def __init__(self, folder, random):
        self.folder, self.random = folder, random
        self.now = later(hours=6)
        self.n_made = 0
        self.changed = {}  # where a setting is -> its other value
        self.names = {}  # stream -> its other name
        self.named = set()  # names that a stream had
        for night in NIGHTS:
            make_night(self.input / "auxTel", night, FIRST_COUNTS, now=self.now)
            for _ in range(3):
                self._add_sky(night)
            self._write_weather(night, [0, 1])

    @property
    def input(self):
        """The folder of the input files."""
        return self.folder / "input"

    def settings(self, output):
        """Return the settings with an output, as a table."""
        streams = {
            "auxTel": {"input_dir": str(self.input / "auxTel")},
            "camera": {"sources": [{"type": "files", "path": str(self.input / "camera")}]},
            "weather": {"sources": [self._weather_source()]},
        }
        if self.is_expected:
            streams["camera"]["sources"].append(dict(EXPECTED))
        site = {
            "output_dir": str(self.folder / output),
            "store_dir": f"{self.folder / output}.store",
        }
        for where, value in self.changed.items():
            kind, *way = where
            if kind == "site":
                site[way[0]] = value
            elif kind == "stream":
                streams[way[0]][way[1]] = value
            else:
                streams[way[0]]["sources"][way[1]][way[2]] = value
        streams = {self.name_of(stream): table for stream, table in streams.items()}
        return {"observing_monitor": site, "streams": streams}

    def name_of(self, stream):
        """Return a stream's name in the settings."""
        return self.names.get(stream, stream)

    def _weather_source(self):
        return {
            "type": "table",
            "path": str(self.input / "weather" / "{night:%Y%m%d}.csv"),
            "columns": {"sampled_at": "time"},
            "values": {"wind": "wind", "humidity": "rh"},
            "headlines": ["humidity"],
        }

    def write_settings(self, output, name, store=""):
        """Write a settings file; return its path."""
        settings = self.settings(output)
        if store:
            settings["observing_monitor"]["store_dir"] = f"{self.folder / store}.store"
        path = self.folder / f"{name}.toml"
        path.write_text(to_toml(settings))
        return path

    def actions(self):
        """Return the names of all actions."""
        return sorted(name for name in dir(self) if name.startswith("do_"))

    # --- files -----------------------------------------------------------------------------------

    def _night(self):
        return self.random.choice(NIGHTS)

    def files(self, stream, night):
        """Return the paths of a stream's files in a night's folder."""
        folder = self.input / stream / ("storage" if stream == "auxTel" else "") / str(night)
        return sorted(folder.glob("*")) if folder.is_dir() else []

    def _any_file(self, stream=None):
        stream = stream or self.random.choice(("auxTel", "camera"))
        files = self.files(stream, self._night())
        return self.random.choice(files) if files else None

    def _set_time(self, path, night):
        self.n_made += 1
        start = datetime.datetime.combine(night, datetime.time(22), UTC).timestamp()
        at = start + 7 * self.n_made % 7200
        os.utime(path, (at, at))

    def _add_sky(self, night):
        folder = self.input / "camera" / str(night)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"sky{self.n_made:04d}.{self.random.choice(('fits', 'txt'))}"
        path.write_bytes(b"s" * self.random.choice((100, 12_000, 30_000)))
        self._set_time(path, night)
        return path

    def do_add_file(self):
        """Add a file to the folder of files alone."""
        night = self._night()
        if len(self.files("camera", night)) >= MAX_FILES:
            return None
        return f"added {self._add_sky(night).name} to {night}"

    def do_add_images(self):
        """Add images to the repository's folder; one of them is not ingested."""
        night = self._night()
        files = self.files("auxTel", night)
        if len(files) >= MAX_FILES:
            return None
        number = 100 + self.n_made
        self.n_made += 1
        start = datetime.datetime.combine(night, datetime.time(23), UTC)
        for is_ingested in (True, False):
            number += 1
            at = start + datetime.timedelta(seconds=15 * number)
            row = gen2.raw_row(CAMERA, night, number, 0, at, run="run000")
            path = self.input / "auxTel" / "storage" / str(night) / gen2.file_name(CAMERA, row)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"i" * 20_000)
            os.utime(path, (at.timestamp(), at.timestamp()))
            if is_ingested:
                self._ingest(path, row)
        return f"added two images to {night}"

    def _ingest(self, path, row):
        repository = self.input / "auxTel" / "gen2repo"
        link = repository / gen2.raw_path(CAMERA, row)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(path)
        with gen2.open_registry(repository, CAMERA) as registry:
            gen2.register(registry, CAMERA, [row])

    def do_ingest(self):
        """Ingest an image that was not ingested."""
        night = self._night()
        linked = {link.resolve() for link in self._links()}
        left = [
            path
            for path in self.files("auxTel", night)
            if path.suffix == ".fits" and path.resolve() not in linked
        ]
        if not left:
            return None
        path = self.random.choice(left)
        number = int(path.stem.rpartition("_")[2])
        at = datetime.datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self._ingest(path, gen2.raw_row(CAMERA, night, number, 0, at, run="run000"))
        return f"ingested {path.name}"

    def _links(self):
        return sorted(
            path for path in (self.input / "auxTel/gen2repo/raw").rglob("*") if path.is_symlink()
        )

    def do_delete(self):
        """Delete a file."""
        if not (path := self._any_file()):
            return None
        path.unlink()
        return f"deleted {path.name}"

    def do_rename(self):
        """Give a file of the camera another name."""
        if not (path := self._any_file("camera")):
            return None
        self.n_made += 1
        path.rename(path.with_name(f"sky{self.n_made:04d}r{path.suffix}"))
        return f"renamed {path.name}"

    def do_move(self):
        """Move a file of the camera to another night's folder."""
        if not (path := self._any_file("camera")):
            return None
        to = self.input / "camera" / str(self._night()) / path.name
        if to == path or to.exists():
            return None
        to.parent.mkdir(exist_ok=True)
        path.rename(to)
        return f"moved {path.name} from {path.parent.name} to {to.parent.name}"

    def do_resize(self):
        """Give a file another size and time."""
        if not (path := self._any_file()):
            return None
        with open(path, "ab") as file:
            file.truncate(self.random.choice((0, 500, 25_000, 31_000)))
        self._set_time(path, datetime.date.fromisoformat(path.parent.name))
        return f"resized {path.name}"

    def do_remove_link(self):
        """Remove the link of an ingested image."""
        if not (links := self._links()):
            return None
        link = self.random.choice(links)
        link.unlink()
        return f"removed the link {link.name}"

    def do_relink(self):
        """Let a link lead to another image of its night."""
        if not (links := self._links()):
            return None
        link = self.random.choice(links)
        others = [
            path
            for path in self.files("auxTel", datetime.date.fromisoformat(link.parent.name))
            if path.suffix == ".fits"
        ]
        if not others:
            return None
        link.unlink()
        link.symlink_to(self.random.choice(others))
        return f"relinked {link.name}"

    def do_replace_registry(self):
        """Replace the registry by a copy in another order."""
        path = self.input / "auxTel/gen2repo/registry.sqlite3"
        new = path.with_suffix(".remade")
        new.unlink(missing_ok=True)
        with sqlite3.connect(path) as registry:
            registry.execute("vacuum into ?", (str(new),))
        registry.close()
        new.replace(path)
        return "replaced the registry"

    def do_other_registry(self):
        """Replace the registry by one with fewer rows and other ids."""
        path = self.input / "auxTel/gen2repo/registry.sqlite3"
        self.do_replace_registry()
        with sqlite3.connect(path) as registry:
            rows = [row[0] for row in registry.execute("select id from raw order by id")]
            left_out = [(row,) for row in rows if self.random.random() < 0.3]
            registry.executemany("delete from raw where id = ?", left_out)
            registry.execute("update raw set id = -id")
            registry.execute("update raw set id = id + ?", (max(rows, default=0) + 1,))
        registry.close()
        return f"replaced the registry by one without {len(left_out)} of its rows"

    def do_drop_row(self):
        """Remove an image's row from the registry."""
        with gen2.open_registry(self.input / "auxTel/gen2repo", CAMERA) as registry:
            rows = [row[0] for row in registry.execute("select id from raw order by id")]
            if not rows:
                return None
            row = self.random.choice(rows)
            registry.execute("delete from raw where id = ?", (row,))
            return f"removed row {row} of the registry"

    # --- numbers ---------------------------------------------------------------------------------

    def _write_weather(self, night, hours):
        path = self.input / "weather" / f"{night:%Y%m%d}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = [(hour, self.random.randint(0, 20), self.random.randint(5, 90)) for hour in hours]
        lines = [
            f"{night}T{20 + hour % 4:02d}:{hour // 4:02d}:00Z,{w},{rh}" for hour, w, rh in values
        ]
        path.write_text("\n".join(["time,wind,rh", *lines, ""]))

    def do_weather(self):
        """Write a night's numbers anew, perhaps fewer."""
        night = self._night()
        hours = list(range(self.random.randint(0, 12)))
        self._write_weather(night, hours)
        return f"{len(hours)} rows of weather on {night}"

    # --- settings and clock ----------------------------------------------------------------------

    def do_change_setting(self):
        """Set a setting to another value, or back."""
        choices = [
            *((("stream", *where), value) for *where, value in OTHER_SETTINGS),
            *((("source", *where), value) for *where, value in OTHER_SOURCE_SETTINGS),
            *((("site", where), value) for where, value in OTHER_SITE_SETTINGS),
        ]
        where, value = self.random.choice(choices)
        if where in self.changed:
            del self.changed[where]
            return f"{'.'.join(map(str, where))} is as it was"
        self.changed[where] = value
        return f"{'.'.join(map(str, where))} = {value!r}"

    def do_expect(self):
        """Add a source that says how many files there should be, or remove it."""
        self.is_expected = not self.is_expected
        return f"the camera has {'a' if self.is_expected else 'no'} source of expected files"

    def do_known(self):
        """List a known issue, another one, or none."""
        path = self.folder / "known.yaml"
        pattern = self.random.choice(("sky00*", "AT_O_*", "moved", ""))
        if not pattern:
            path.unlink(missing_ok=True)
            return "no known issues"
        reason = self.random.choice(("shutter test", "twilight"))
        night = self._night()
        path.write_text(KNOWN.format(night=night, pattern=pattern, reason=reason))
        return f"known issue of {night}: {pattern}, {reason}"

    def do_rename_stream(self):
        """Give a stream another name, or its first one."""
        stream = self.random.choice(("auxTel", "camera", "weather"))
        self.named.add(self.name_of(stream))
        if stream in self.names:
            del self.names[stream]
        else:
            self.names[stream] = f"{stream}_2"
        self.named.discard(self.name_of(stream))
        return f"the stream {stream} is now called {self.name_of(stream)}"

    def do_wait(self):
        """Let some time pass."""
        seconds = self.random.choice((1, 60, 3600, 86_400))
        self.now += datetime.timedelta(seconds=seconds)
        return f"{seconds} s pass"

    def copy_of(self, folder):
        """Copy the input, so that a run can be repeated by hand."""
        shutil.copytree(self.input, folder, symlinks=True)
