"""Coverage-guided fuzzing of the parsers of input.

    pip install atheris    # 35 MB and no wheel for every Python, so not in the test extra
    python tests/faults/fuzz.py TARGET SECONDS FOLDER

starts from the inputs in `tests/corpus/TARGET` and writes inputs that reach new branches into
FOLDER. It prints each kind of failure once and keeps its input next to FOLDER.

    python tests/faults/fuzz.py --keep TARGET FOLDER

then copies the smallest inputs that reach all these branches into the corpus, which
`test_broken_input.py` tries in every run of the tests.
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
is_fuzzing = __name__ == "__main__" and "--keep" not in sys.argv
if is_fuzzing:
    import atheris

    watched = atheris.instrument_imports(include=["observing_monitor"])
with watched:  # only the branches of what is imported here count
    import hostile
    from breakage import TOKENS, age
    from running import run
    from small_inputs import KINDS, NIGHT, NOW

    from observing_monitor.collecting.sources import make_sources
    from observing_monitor.errors import SourceError, UsageError
    from observing_monitor.feeds import notify
    from observing_monitor.model import frames, names, nights, reading
    from observing_monitor.readers import night_paths, textfiles
    from observing_monitor.readers.patterns import NamePattern
    from observing_monitor.sources import expected_lists, lwa, lwa_points, rsync_log
    from observing_monitor.sources.registry import BUILT_IN, source_class
    from observing_monitor.storage.output import Output
    from observing_monitor.storage.sealed import sealed
    from observing_monitor.tables import classify, merge, summary

    for kind in BUILT_IN:
        source_class(kind)

MOST_BYTES = 4096  # of an input: a few lines reach every branch of a parser
MOST_KEPT = 15_000  # bytes of a target's corpus
WHOLE_EVERY = 100  # inputs under atheris: one is read as a whole, the others are parsed

# Only the parsing of a source, which takes a hundredth of the time of a reading.
PARSERS = {
    "files": lambda source, path: [
        source.log.instant(line.at)
        for line in rsync_log.read_log(path, path.parent)
        if isinstance(line, rsync_log.Arrival)
    ],
    "lasair": lambda source, path: source._reader.read(1137),
    "broker_counts": lambda source, path: textfiles.read_csv(path),
    "fitsstorage_logs": lambda source, _: source.lines_of(NIGHT, source.folder.find(None), None),
    "lwa": lambda source, path: lwa_points.PointReader(
        str(path), source.groups, source.settings, NOW
    ).rows(lwa.read_dump(path)),
    "expected": lambda source, path: expected_lists.read_sensors(expected_lists.read_text(path)),
    "summit": lambda source, path: source._messages(str(path), []),
    "notes": lambda source, _: source.read(NIGHT),
    "table, CSV": lambda source, path: textfiles.read_csv(path),
    "table, JSON": lambda source, path: textfiles.read_json(path, "data.items"),
    "table, JSON lines": lambda source, path: textfiles.read_jsonl(path),
}


# --- targets: (function that returns the first inputs, function of a folder that returns a
# function of an input) ---


def reading_of(kind):
    """Return the target that reads a source's first file.

    It is read, matched, classified and checked as in a run; a SourceError is an answer.
    """

    def begin(folder):
        sources, (target, *_) = KINDS[kind](folder)
        stream = hostile.stream_of(sources)
        tries = itertools.count(1)

        def parse(data):
            target.write_bytes(data)
            # the exceptions that a parser's callers expect
            with contextlib.suppress(SourceError, ValueError, RecursionError, OSError):
                PARSERS[kind](make_sources(stream, NOW)[0], target)
            if next(tries) % WHOLE_EVERY == 0:
                once(data)

        def once(data):
            target.write_bytes(data)
            age(target)
            read_night(stream)

        return parse if is_fuzzing and kind in PARSERS else once

    def valid():
        with tempfile.TemporaryDirectory() as folder:
            return [KINDS[kind](Path(folder))[1][0].read_bytes()]

    return valid, begin


def read_night(stream):
    """Read and judge a night without a store."""
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


def of_names(_):
    """Return a target: file names, one per line.

    Reading all names at once gives the same as reading each one.
    """
    import pandas as pd

    patterns = (
        names.RUBIN,
        r"(?P<seq_num>\d+)",
        r"(?P<exposure>\w+)-(?P<seq>\S*)(?P<detector>x)?",
    )

    def once(data):
        texts = data.decode("utf-8", "backslashreplace").split("\n")
        column = pd.Series(frames.texts(texts))
        first = range(min(len(column), 3))
        for pattern in patterns:
            read = NamePattern(pattern).read_names
            each = [read(column.iloc[n : n + 1]) for n in first]
            assert read(column).iloc[:3].equals(pd.concat(each))
        before, last = names.split(column)
        assert (before + last == column).all()
        assert list(last) == [text.rpartition("/")[2] for text in texts]
        assert list(names.folders(column)) == list(before)
        assert list(names.last_parts(column)) == list(last)
        assert names.kinds(frames.texts(texts)).tolist() == [names.kind_of(text) for text in texts]
        sorted(texts, key=names.in_number_order)

    return once


def of_nights(_):
    """Return a target: nights, rules and instants in any form.

    Each is none, an error in words, or read again as the same after it was written.
    """

    def once(data):
        text = data.decode("utf-8", "backslashreplace")
        with contextlib.suppress(UsageError):
            night = nights.parse_night(text)
            assert nights.parse_night(night.isoformat()) == night
        with contextlib.suppress(UsageError):
            rule = nights.NightRule.parse(text)
            assert math.isfinite(rule.offset_s) and nights.NightRule.parse(rule.text)
        with contextlib.suppress(ValueError, OverflowError):
            instant = nights.parse_utc(text)
            assert nights.parse_utc(nights.iso_utc(instant)) == instant
        assert nights.night_named(text) in (None, night_paths.read_night(text))
        for form in ("date", "nid", "mjd", "%Y%m%d", "%d/%m/%Y"):
            night = night_paths.read_night(text, form)
            if night is None or night.year < 1000:  # strftime writes the year 810 with 3 digits
                continue
            written = str(night_paths.write_night(night, form))
            assert night_paths.read_night(written, form) == night

    return once


FILES_OF_STORE = (
    "stream=s/index.json",
    "stream=s/index.notes",
    f"stream=s/night={NIGHT}/looked.json",
    "heartbeat.json",
    "since.json",
    "feed.json",
    "told.json",
)
SETTINGS = """
[observing_monitor]
output_dir = "site"
site_url = "https://example.org/"
[[streams.s.sources]]
type = "lasair"
path = "input"
"""


def make_site(folder):
    """Make a site of Lasair; return the run's arguments."""
    (folder / "input").mkdir()
    KINDS["lasair"](folder / "input")
    (folder / "site.toml").write_text(SETTINGS)
    given = ("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*given, now=NOW) == 0
    return given


def whole_store():
    """Return the unsealed contents of a store's files."""
    with tempfile.TemporaryDirectory() as folder:
        make_site(Path(folder))
        texts = [Path(folder, "site", "data", name) for name in FILES_OF_STORE]
        values = [json.loads(path.read_text()) if path.is_file() else {} for path in texts]
    return [
        bytes([n]) + json.dumps({key: of[key] for key in of if key != "seal"}).encode()
        for n, of in enumerate(values)
    ]


def of_store(folder):
    """Return a target: any sealed JSON in the store.

    The first byte of an input chooses the file. The next run makes its pages all the same.
    """
    given = make_site(folder)
    shutil.move(folder / "site", folder / "whole")

    def once(data):
        if not data:
            return
        shutil.rmtree(folder / "site", ignore_errors=True)
        shutil.copytree(folder / "whole", folder / "site")
        name = FILES_OF_STORE[data[0] % len(FILES_OF_STORE)]
        (folder / "site" / "data" / name).write_bytes(sealed(data[1:]))
        notify._read_told(Output(folder / "site"))
        with hostile.unexpected_raised():
            assert run(*given, now=NOW) in (0, 1)

    return once


def first_names():
    """Return the first inputs of `of_names`."""
    return [
        b"AT_O_20200212_000022.fits.fz\nn/MC_O_20250502_000010_R01_S00.fits\n"
        b"3018092000065-det000.fits"
    ]


def first_nights():
    """Return the first inputs of `of_nights`."""
    return [
        b"2020-02-12",
        b"20200212",
        b"UTC-12h",
        b"TAI+1.5h",
        b"2020-02-12T03:04:05Z",
        b"1137",
        b"58891.5",
    ]


READ = (
    "files",
    "lasair",
    "broker_counts",
    "bucket_listing",
    "fitsstorage_logs",
    "lwa",
    "expected",
    "summit",
    "notes",
    "table, CSV",
    "table, JSON",
    "table, JSON lines",
)
TARGETS = {
    "names": (first_names, of_names),
    "nights": (first_nights, of_nights),
    "store": (whole_store, of_store),
    **{kind.replace(",", "").replace(" ", "_"): reading_of(kind) for kind in READ},
}


# --- the two commands ---


def corpus(target):
    """Return a target's inputs: the first ones, then those kept."""
    folder = TESTS / "corpus" / target
    kept = sorted(folder.iterdir()) if folder.is_dir() else []
    return [*TARGETS[target][0](), *(path.read_bytes() for path in kept)]


def fuzz(target, seconds, folder):
    """Try inputs for some seconds and print each kind of failure."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(corpus(target)):
        (folder / f"begin-{number}").write_bytes(data)
    words = folder.with_suffix(".dict")
    tokens = ["".join(f"\\x{byte:02x}" for byte in token[:60]) for token in TOKENS if token]
    words.write_text("".join(f'"{token}"\n' for token in tokens))
    failures = set()
    place = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    once = TARGETS[target][1](Path(place))

    def try_it(data):
        try:
            once(data)
        except Exception as error:
            failure = (type(error), place_of(error))
            if failure not in failures:
                failures.add(failure)
                kept = folder.with_name(f"{folder.name}-break-{len(failures)}")
                kept.write_bytes(data)
                print(f"\n{kept}:", "".join(traceback.format_exception(error)[-12:]), flush=True)

    limits = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=60"]
    atheris.Setup([sys.argv[0], str(folder), *limits, f"-dict={words}"], try_it)
    atheris.Fuzz()  # ends the process


def place_of(error):
    """Return the last line of ours in a traceback, or None."""
    lines = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "observing_monitor" in frame.filename
    ]
    return lines[-1] if lines else None


def keep(target, folder):
    """Copy inputs that reach new branches into the corpus."""
    kept = TESTS / "corpus" / target
    kept.mkdir(parents=True, exist_ok=True)
    found = sorted(
        {path.read_bytes() for path in Path(folder).iterdir()} - set(corpus(target)), key=len
    )
    with tempfile.TemporaryDirectory() as place:
        once = TARGETS[target][1](Path(place))
        reached, n_bytes = set(), sum(path.stat().st_size for path in kept.iterdir())
        for data in corpus(target):
            reached |= branches(once, data)
        for data in found:
            new = branches(once, data) - reached
            if new and n_bytes + len(data) <= MOST_KEPT:
                reached |= new
                n_bytes += len(data)
                digest = hashlib.blake2b(data, digest_size=4).hexdigest()
                (kept / f"{len(data):04}-{digest}").write_bytes(data)
    print(
        f"{target}: {len(list(kept.iterdir()))} inputs, {n_bytes:,} bytes, of {len(found):,} found"
    )


def branches(once, data):
    """Return the program's branches that an input reaches."""
    import coverage

    package = f"{TESTS.parent}/observing_monitor/*"
    measured = coverage.Coverage(branch=True, data_file=None, include=[package], config_file=False)
    with measured.collect():
        try:
            once(data)
        except Exception as error:
            print(f"{data!r}:", *traceback.format_exception(error)[-3:])
    reached = measured.get_data()
    return {(path, *arc) for path in reached.measured_files() for arc in reached.arcs(path)}


if __name__ == "__main__":
    if sys.argv[1] == "--keep":
        keep(*sys.argv[2:])
    else:
        fuzz(*sys.argv[1:])
