"""Coverage-guided input for the parsers of what others wrote: atheris keeps whatever makes them take a way that they had not taken.

    pip install atheris    # 35 MB, no wheel for every Python: only this program needs it, so the tests' extra has it not
    python tests/faults/fuzz.py TARGET SECONDS FOLDER

begins with the inputs kept in `tests/corpus/TARGET`, puts new ones into FOLDER, and tells of each kind of break once: its input is kept
beside FOLDER. `python tests/faults/fuzz.py --keep TARGET FOLDER` then takes the smallest inputs that go all those ways into the corpus, which
`test_hostile.py` tries at every run of the tests.
"""

import contextlib
import hashlib
import itertools
import json
import math
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(path) for path in (TESTS.parent, TESTS.parent / "examples", TESTS / "support")]
watched = contextlib.nullcontext()
is_hunting = __name__ == "__main__" and "--keep" not in sys.argv
if is_hunting:
    import atheris

    watched = atheris.instrument_imports(include=["observing_monitor"])
with watched:  # of what is imported here the ways count
    import hostile
    from hostile import KINDS, NIGHT, NOW
    from running import run

    from observing_monitor.collecting.sources import make_sources
    from observing_monitor.errors import SourceError, UsageError
    from observing_monitor.feeds import notify
    from observing_monitor.model import frames, names, nights, reading
    from observing_monitor.readers import night_paths, textfiles
    from observing_monitor.readers.patterns import Pattern
    from observing_monitor.sources import expected_lists, lwa, lwa_points, rsync_log
    from observing_monitor.sources.registry import BUILT_IN, source_class
    from observing_monitor.storage.output import Output
    from observing_monitor.storage.sealed import sealed
    from observing_monitor.tables import classify, merge, summary

    for kind in BUILT_IN:
        source_class(kind)

MOST_BYTES = 4096  # of an input: every way through a parser is taken in a few lines
MOST_KEPT = 15_000  # bytes of a target's corpus


# --- what is tried: a name -> the inputs to begin with, and a function of a folder that gives a function of an input -----------


PARSED = {  # of a source what it does before it makes tables, in a hundredth of the time
    "files": lambda source, path: [
        source.log.instant(at) for _, at in rsync_log.read_log(path, path.parent)
    ],
    "lasair": lambda source, path: source._reader.read(1137),
    "broker_counts": lambda source, path: textfiles.read_csv(path),
    "fitsstorage_logs": lambda source, path: source.lines_of(NIGHT, source.folder.find(None), None),
    "lwa": lambda source, path: lwa_points.PointReader(
        str(path), source.groups, source.settings, NOW
    ).rows(lwa.read_dump(path)),
    "expected": lambda source, path: expected_lists.read_sensors(expected_lists.read_text(path)),
    "summit": lambda source, path: source._messages(str(path), str(path), []),
    "table, CSV": lambda source, path: textfiles.read_csv(path),
    "table, JSON": lambda source, path: textfiles.read_json(path, "data.items"),
    "table, JSON lines": lambda source, path: textfiles.read_jsonl(path),
}


def reading_of(kind):
    """The first file of one of `hostile.KINDS`: read as a run reads it, matched, classified and checked. SourceError is an answer.

    Under atheris most are only parsed: what is kept of them, and every hundredth, is read whole.
    """

    def begin(folder):
        sources, (target, *_) = KINDS[kind](folder)
        stream = hostile.stream_of(sources)
        tries = itertools.count(1)

        def parsed(data):
            target.write_bytes(data)
            with contextlib.suppress(
                SourceError, ValueError, RecursionError, OSError
            ):  # what its caller may know
                PARSED[kind](make_sources(stream, NOW)[0], target)
            if next(tries) % 100 == 0:
                once(data)

        def once(data):
            target.write_bytes(data)
            hostile.age(target)
            readings = {}
            for source in make_sources(stream, NOW):
                with contextlib.suppress(SourceError):
                    source.nights()
                    json.dumps(source.look(NIGHT, None))
                    readings[source.name] = source.read(NIGHT)
            made = merge.update(reading.Tables.empty(), readings)
            summary.summarise(classify.classify(made.files, made.ingests, classify.Limits(), NOW))
            for described in stream.sources:
                source_class(described.kind).check(NIGHT, made, described.settings)

        return parsed if is_hunting and kind in PARSED else once

    def valid():
        with tempfile.TemporaryDirectory() as folder:
            return [KINDS[kind](Path(folder))[1][0].read_bytes()]

    return valid, begin


def of_names(folder):
    """Names of files, a line each: what stands in them, told all at once and one by one, is the same."""
    import pandas as pd

    def once(data):
        texts = data.decode("utf-8", "backslashreplace").split("\n")
        told = pd.Series(frames.texts(texts))
        for pattern in (
            names.RUBIN,
            r"(?P<seq_num>\d+)",
            r"(?P<exposure>\w+)-(?P<seq>\S*)(?P<detector>x)?",
        ):
            read = Pattern("name_pattern", pattern).read_names
            one_by_one = [read(told.iloc[n : n + 1]) for n in range(min(len(told), 3))]
            assert read(told).iloc[:3].equals(pd.concat(one_by_one))
        before, last = names.split(told)
        assert (before + last == told).all() and list(last) == [
            text.rpartition("/")[2] for text in texts
        ]
        assert list(names.folders(told)) == list(before) and list(names.last_parts(told)) == list(
            last
        )
        assert names.kinds(frames.texts(texts)).tolist() == [names.kind_of(text) for text in texts]
        sorted(texts, key=names.in_number_order)

    return once


def of_nights(folder):
    """Nights, rules and instants as others write them: none, an error in words, or one that is written and read again as the same."""

    def once(data):
        text = data.decode("utf-8", "backslashreplace")
        with contextlib.suppress(UsageError):
            assert nights.parse_night(nights.parse_night(text).isoformat()) == nights.parse_night(
                text
            )
        with contextlib.suppress(UsageError):
            rule = nights.NightRule.parse(text)
            assert math.isfinite(rule.offset_s) and nights.NightRule.parse(rule.text)
        with contextlib.suppress(ValueError, OverflowError):
            instant = nights.parse_utc(text)
            assert nights.parse_utc(nights.iso_utc(instant)) == instant
        assert nights.night_named(text) in (None, night_paths.read_night(text))
        for form in ("date", "nid", "mjd", "%Y%m%d", "%d/%m/%Y"):
            night = night_paths.read_night(text, form)
            # strftime writes the year 810 with three digits
            assert (
                night is None
                or night.year < 1000
                or night_paths.read_night(str(night_paths.write_night(night, form)), form) == night
            )

    return once


FILES_OF_STORE = (
    "stream=s/index.json", "stream=s/index.notes", f"stream=s/night={NIGHT}/looked.json",
    "heartbeat.json", "since.json", "feed.json", "told.json",
)  # fmt: skip
SETTINGS = """
[observing_monitor]
output_dir = "site"
site_url = "https://example.org/"
[[streams.s.sources]]
type = "lasair"
path = "input"
"""


def make_site(folder):
    """A stream of Lasair's and its pages: the arguments of a run."""
    (folder / "input").mkdir()
    KINDS["lasair"](folder / "input")
    (folder / "site.toml").write_text(SETTINGS)
    given = ("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*given, now=NOW) == 0
    return given


def whole_store():
    """What the files of a store have in them, without the seal."""
    with tempfile.TemporaryDirectory() as folder:
        make_site(Path(folder))
        texts = [Path(folder, "site", "data", name) for name in FILES_OF_STORE]
        told = [json.loads(path.read_text()) if path.is_file() else {} for path in texts]
    return [
        bytes([n]) + json.dumps({key: of[key] for key in of if key != "seal"}).encode()
        for n, of in enumerate(told)
    ]


def of_store(folder):
    """A file of the store (the first byte says which) with any JSON in it, sealed as ours are: a run makes its pages all the same."""
    given = make_site(folder)
    shutil.move(folder / "site", folder / "whole")

    def once(data):
        if not data:
            return
        shutil.rmtree(folder / "site", ignore_errors=True)
        shutil.copytree(folder / "whole", folder / "site")
        (folder / "site" / "data" / FILES_OF_STORE[data[0] % len(FILES_OF_STORE)]).write_bytes(
            sealed(data[1:])
        )
        notify._read_told(Output(folder / "site"))
        with hostile.unforeseen_raised():
            assert run(*given, now=NOW) in (0, 1)

    return once


TARGETS = {
    "names": (
        lambda: [
            b"AT_O_20200212_000022.fits.fz\nn/MC_O_20250502_000010_R01_S00.fits\n3018092000065-det000.fits"
        ],
        of_names,
    ),
    "nights": (
        lambda: [
            b"2020-02-12",
            b"20200212",
            b"UTC-12h",
            b"TAI+1.5h",
            b"2020-02-12T03:04:05Z",
            b"1137",
            b"58891.5",
        ],
        of_nights,
    ),
    "store": (whole_store, of_store),
}
for kind in (
    "files", "lasair", "broker_counts", "bucket_listing", "fitsstorage_logs", "lwa", "expected", "summit",
    "table, CSV", "table, JSON", "table, JSON lines",
):  # fmt: skip
    TARGETS[kind.replace(",", "").replace(" ", "_")] = reading_of(kind)


def corpus(target):
    """The inputs of a target: the valid ones that it begins with, then those that were kept, by name."""
    there = (
        sorted((TESTS / "corpus" / target).iterdir())
        if (TESTS / "corpus" / target).is_dir()
        else []
    )
    return [*TARGETS[target][0](), *(path.read_bytes() for path in there)]


def fuzz(target, seconds, folder):
    """Try for so many seconds; how many kinds of break there were."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(corpus(target)):
        (folder / f"begin-{number}").write_bytes(data)
    words = folder.with_suffix(".dict")
    words.write_text(
        "".join(
            '"' + "".join(f"\\x{byte:02x}" for byte in token[:60]) + '"\n'
            for token in hostile.TOKENS
            if token
        )
    )
    seen = set()
    place = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    once = TARGETS[target][1](Path(place))

    def try_it(data):
        try:
            once(data)
        except Exception as error:
            frames = [
                f"{frame.filename}:{frame.lineno}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
            key = (type(error), *[frame for frame in frames if "observing_monitor" in frame][-1:])
            if key not in seen:
                seen.add(key)
                kept = folder.with_name(f"{folder.name}-break-{len(seen)}")
                kept.write_bytes(data)
                print(f"\n{kept}:", "".join(traceback.format_exception(error)[-12:]), flush=True)

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MOST_BYTES}",
        f"-dict={words}",
        "-timeout=60",
    ]
    atheris.Setup([sys.argv[0], str(folder), *options], try_it)
    atheris.Fuzz()  # ends the process


def keep(target, folder):
    """Take the inputs of a folder that are worth keeping into the corpus, the smallest first: those that take a way of their own."""
    import coverage

    kept = TESTS / "corpus" / target
    kept.mkdir(parents=True, exist_ok=True)
    found = sorted(
        {path.read_bytes() for path in Path(folder).iterdir()} - set(corpus(target)), key=len
    )
    with tempfile.TemporaryDirectory() as place:
        once = TARGETS[target][1](Path(place))

        def ways(data):
            measured = coverage.Coverage(
                branch=True,
                data_file=None,
                include=[f"{TESTS.parent}/observing_monitor/*"],
                config_file=False,
            )
            with measured.collect():
                try:
                    once(data)
                except Exception as error:
                    print(f"{target}: {data!r}:", *traceback.format_exception(error)[-3:])
            told = measured.get_data()
            return {(path, *arc) for path in told.measured_files() for arc in told.arcs(path)}

        taken, n_bytes = set(), sum(path.stat().st_size for path in kept.iterdir())
        for data in corpus(target):
            taken |= ways(data)
        for data in found:
            new = ways(data) - taken
            if new and n_bytes + len(data) <= MOST_KEPT:
                taken |= new
                n_bytes += len(data)
                (
                    kept / f"{len(data):04}-{hashlib.blake2b(data, digest_size=4).hexdigest()}"
                ).write_bytes(data)
    print(
        f"{target}: {len(list(kept.iterdir()))} inputs, {n_bytes:,} bytes, of {len(found):,} found"
    )


if __name__ == "__main__":
    if sys.argv[1] == "--keep":
        keep(*sys.argv[2:])
    else:
        fuzz(*sys.argv[1:])
