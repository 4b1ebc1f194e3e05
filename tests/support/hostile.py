"""Input that nobody would make on purpose."""

import contextlib
import logging
import os
from pathlib import Path

from small_inputs import NIGHT, NOW

from observing_monitor.collecting.looks import NightTask
from observing_monitor.collecting.night import collect_night
from observing_monitor.collecting.sources import AskOptions, timed_sources
from observing_monitor.errors import SourceError
from observing_monitor.pages import publish_night
from observing_monitor.pages.frame import make_site
from observing_monitor.pages.night_job import NightJob
from observing_monitor.settings.build import StreamTable, build_stream
from observing_monitor.settings.records import StreamSettings
from observing_monitor.settings.toml import Section
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

SCRIPT = "window.pwned=1"
PAYLOADS = (
    f"<script>{SCRIPT}</script>",
    f"</script><script>{SCRIPT}</script>",
    f"<img src=x onerror={SCRIPT}>",
    f'"><svg onload={SCRIPT}>',
    f"'onmouseover='{SCRIPT}",
    f"<a href=javascript:{SCRIPT}>a</a>",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content=0;url=about:blank>",
    f"<iframe srcdoc='<script>parent.{SCRIPT}</script>'>",
    "--><!--",
    "]]>",
    "{{ 7*7 }}{% for %}{#",
    "${7*7}`${window.pwned=1}`",
    "%s%n%(x)s{0}",
    "\x1b[31mred\x1b]0;title\x07",
    "a\u202egpj.stif",
    "zero\u200bwidth\u2066",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "-2+3",
    "\t=1+1",
    "\r=1+1",
    "line\nbreak\r\nand\ttab",
    "\x85\u2028\u2029",
    "half \ud83d",
    "“ünï©ödé” 漢字 שלום",
    "&amp;&lt;&#0;",
    "\\u003cscript\\u003e",
    "../../../../etc/passwd",
)


def stream_of(sources, name="s", rule="UTC-12h"):
    """Return a Stream, as if read from a settings file."""
    described = StreamSettings(night_rule=rule, sources=sources)
    return build_stream(StreamTable(Section("here:", Path("/")), name, name, described, {}))


@contextlib.contextmanager
def unexpected_raised():
    """Raise the first exception that the block logs.

    The program catches unexpected exceptions at the boundary of a night and logs them.
    """
    caught = []

    class Keep(logging.Handler):
        def emit(self, record):
            if record.exc_info:
                caught.append(record.exc_info[1])

    handler = Keep()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    if caught:
        raise caught[0]


def one_night(stream, folder, night=NIGHT, now=NOW):
    """Collect and publish a night; return Outcome and NightDone.

    Faults of a source are part of the outcome. Any other exception is raised.
    """
    output = Output(folder)
    output.make()
    sources = timed_sources(stream, AskOptions(now))
    for source in sources:
        with contextlib.suppress(SourceError):
            source.nights()
    with unexpected_raised():
        outcome = collect_night(NightTask(stream, sources, Store(output, stream.name), night, now))
    site = make_site("Hostile", [stream], output)
    done = publish_night.publish_night(
        NightJob(site=site, stream=stream, night=night, row=dict(outcome.row), now=now)
    )
    return outcome, done


def make_names(folder, payloads):
    """Fill a night's folder with odd names; return their number.

    Names have every byte and many lengths. There are a deep folder, a pipe and links in circles.
    """
    place = os.fsencode(folder / "storage" / NIGHT.isoformat())
    os.makedirs(place)
    names = [bytes([byte]) * 3 + b".fits" for byte in range(1, 256) if byte not in b"./"]
    names += [
        payload.encode("utf-8", "surrogatepass").replace(b"/", b"\\")[:250] + b".fits"
        for payload in payloads
    ]
    names += [b"n" * 250 + b".fits", b"\xff" * 255, b" ", b"-rf", b"~", b"*", b"?", b"["]
    names.append(b"a" + b" " * 200 + b".fits")
    names = list(dict.fromkeys(names))
    for name in names:
        with open(os.path.join(place, name), "wb") as file:
            file.truncate(20_000)
    deep = place
    for _ in range(100):
        deep = os.path.join(deep, b"d" * 20)
        os.mkdir(deep)
    with open(os.path.join(deep, b"deepest.fits"), "wb"):
        names.append(deep)
    os.symlink(b"loop2", os.path.join(place, b"loop1"))
    os.symlink(b"loop1", os.path.join(place, b"loop2"))
    os.symlink(b".", os.path.join(place, b"here"))
    os.symlink(b"..", os.path.join(place, b"up"))
    os.symlink(b"x" * 4000, os.path.join(place, b"far"))
    os.mkfifo(os.path.join(place, b"pipe.fits"))
    return len(names)
