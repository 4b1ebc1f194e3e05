"""Asks the program for its settings by unknown keys."""

import re

from running import run
from support.settings_text import to_toml

UNKNOWN = "zzzzzz"  # like no setting, so that the complaint suggests none but lists all
SOURCES = {  # settings without which a kind's own keys are not looked at
    "objects": {"type": "files", "path": "s3://bucket/prefix"},
}


def kinds(folder, capsys):
    """Return the kinds of sources, among them `objects`."""
    return _complaint(folder, capsys, _of_source({"type": UNKNOWN}))


def receivers(folder, capsys):
    """Return the kinds of receivers."""
    return _complaint(folder, capsys, {"notify": {"x": {"type": UNKNOWN}}})


def tables(folder, capsys):
    """Return the settings of each table of a settings file."""
    own = {"observing_monitor": {UNKNOWN: 1}, "storage": {UNKNOWN: 1}}
    asked = {
        "observing_monitor": own | {"storage": {}},
        "storage": own | {"observing_monitor": {}},
        "streams": {"streams": {"x": {UNKNOWN: 1}}},
        "from": {"streams": {"x": {"from": [{UNKNOWN: 1}]}}},
        "measure_limits": {"streams": {"x": {"input_dir": "x", "measure_limits": [{UNKNOWN: 1}]}}},
        "dome": {"streams": {"x": {"input_dir": "x", "dome": {UNKNOWN: 1}}}},
        "previews": {"streams": {"x": {"input_dir": "x", "previews": {UNKNOWN: 1}}}},
    }
    for kind in receivers(folder, capsys):
        asked[f"notify {kind}"] = {"notify": {"x": {"type": kind, UNKNOWN: 1}}}
    for kind in kinds(folder, capsys):
        asked[kind] = _of_source({"type": kind, **SOURCES.get(kind, {}), UNKNOWN: 1})
    return {name: _complaint(folder, capsys, settings) for name, settings in asked.items()}


def _of_source(source):
    return {"streams": {"x": {"sources": [source]}}}


def _complaint(folder, capsys, settings):
    """Return the names in the program's complaint."""
    path = folder / "asked.toml"
    whole = {"observing_monitor": {}, "streams": {"x": {"input_dir": "x"}}} | settings
    path.write_text(to_toml(whole))
    capsys.readouterr()
    try:
        code = run("check", "-c", path)
    except SystemExit as error:  # the parser's own way to end
        code = error.code
    said = capsys.readouterr().err.strip()
    found = re.search(r"(?:[\w-]+, )+[\w-]+(?= *(;[^;]*)?$)", said)
    assert code == 2 and found, f"{settings}: exit {code}: {said}"
    return found[0].split(", ")
