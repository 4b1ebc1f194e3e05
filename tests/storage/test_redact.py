"""Hidden texts are in no public file, however it writes them."""

import base64
import datetime
import gzip
import json
import os
import re
import shutil

import pytest
from gen2tree import make_night
from hostile import NIGHT, NOW
from running import run, times

from observing_monitor.errors import UsageError
from observing_monitor.storage.redact import WORD, Redaction, check

HOST = "nfs-7.summit.example"


def whole_text(folder):
    """Return the text of all files below a folder, unpacked, and their names."""
    said = []
    for path in sorted(folder.rglob("*")):
        said.append(str(path.relative_to(folder)))
        if path.is_file() and path.suffix in (
            ".html",
            ".json",
            ".csv",
            ".js",
            ".atom",
            ".prom",
            ".txt",
        ):
            text = path.read_text(encoding="utf-8")
            said.append(text)
            if packed := re.fullmatch(r'observing_monitor_rows\("(.*)"\);\n', text):
                said.append(gzip.decompress(base64.b64decode(packed[1])).decode())
    return "\n".join(said)


def settings(folder, root, hidden, store="store", site="site"):
    """Write settings that name a folder and a host wherever they can."""
    path = folder / "site.toml"
    rows = [
        {
            "path": f"{NIGHT}/a.fits",
            "at": "2020-02-12T23:10:00",
            "status": "failure",
            "message": f"{HOST}: no {root}/storage\n{HOST.upper()} {str(root).upper()}/x",
        },
        {
            "path": f"{root}/storage/{NIGHT}/b.fits",
            "at": "2020-02-12T23:10:00",
            "status": "failure",
            "message": f"<{HOST}>&'{root}'",
        },
    ]
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "tries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "in" / "load.csv").write_text(
        f"at,node,load,text\n2020-02-12T23:00:00,{HOST},1.5,{root}\n2020-02-12T23:30:00,other,2,\n"
    )
    (folder / "in" / "mon.json").write_text(
        json.dumps({"/mon/drvs1/summary": {"timestamp": 1581559200, "value": f"error on {HOST}"}})
    )
    path.write_text(
        f"""[observing_monitor]
output_dir = "{site}"
prometheus_file = "told.prom"
title = "nights of {HOST}"
{f'store_dir = "{store}"' if store else ""}
redact = {json.dumps(hidden)}
[notify.all]
type = "command"
command = ["tee", "-a", "told.json"]
when = ["normal", "warning", "error"]
[streams.a]
input_dir = {json.dumps(str(root))}
title = "files of {HOST}"
[[streams.a.sources]]
type = "table"
path = "in/tries.jsonl"
feeds = "ingests"
columns = {{ path = "path", attempted_at = "at", status = "status", message = "message" }}
[[streams.a.sources]]
type = "table"
name = "load"
path = "in/load.csv"
columns = {{ sampled_at = "at", node = "node" }}
values = {{ load = "load", words = "text" }}
[[streams.a.sources]]
type = "table"
name = "gone"
path = "{root}/gone.csv"
night_column = "n"
values = {{ a = "b" }}
[[streams.a.sources]]
type = "sql"
url = "postgresql://me@{HOST}:1/x"
timeout_s = 1
query = "select 1"
night_column = "n"
values = {{ a = "b" }}
"""
    )
    return path


@pytest.fixture
def root(tmp_path):
    """A folder whose name every format writes in its own way."""
    folder = tmp_path / "da ta'é & <7>"
    make_night(folder, NIGHT, {"ingested": 2, "failed": 1, "missing": 1, "lost": 1}, now=NOW)
    return folder


def test_nothing_hidden_is_told(tmp_path, root, capfd):
    """No public file shows a hidden folder or host."""
    given = (
        "-c",
        settings(tmp_path, root, [str(root), HOST]),
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*given, now=NOW) == 1  # two of its sources do not exist
    told = whole_text(tmp_path / "site")
    for form in (str(root), HOST, HOST.upper(), "da ta'é", "da%20ta", "da ta&#39;", "da ta\\u0027"):
        assert form.casefold() not in told.casefold(), form
    assert (
        told.count(WORD) > 20
        and "Traceback" not in told
        and (tmp_path / "site" / "changes.atom").exists()
    )
    # the Prometheus file, and what a receiver was sent
    for elsewhere in ("told.prom", "told.json"):
        said = (tmp_path / elsewhere).read_text()
        assert (
            WORD in said
            and HOST not in said
            and "da ta'é" not in said
            and "da ta\\u0027" not in said
        )
    assert {path.name for path in (tmp_path / "store").iterdir()} >= {
        "stream=a",
        "heartbeat.json",
    } and not (tmp_path / "site" / "data").exists()
    assert str(root) in (tmp_path / "store" / "heartbeat.json").read_text()
    assert str(root) in capfd.readouterr().err
    pages = times(tmp_path / "site")
    assert run(*given, now=NOW) == 1
    # a page with hidden texts is not written again
    assert times(tmp_path / "site") == pages


def test_other_words_make_pages_anew(tmp_path, root):
    """Pages are written again if the hidden texts change."""
    given = ("--first_day", NIGHT, "--last_day", NIGHT)
    run("-c", settings(tmp_path, root, [HOST]), *given, now=NOW)
    assert HOST not in (told := whole_text(tmp_path / "site")) and "da ta&#39;" in told
    run("-c", settings(tmp_path, root, [str(root)]), *given, now=NOW)
    assert HOST in (told := whole_text(tmp_path / "site")) and "da ta&#39;" not in told


def test_a_store_elsewhere_is_the_same(tmp_path, root):
    """A store elsewhere has the files of data/."""
    run("-c", settings(tmp_path, root, []), "--first_day", NIGHT, "--last_day", NIGHT, now=NOW)
    elsewhere = {
        path.relative_to(tmp_path / "store") for path in (tmp_path / "store").rglob("*.parquet")
    }
    (tmp_path / "store" / ".unfinished" / "host-1-1").write_text("")
    (tmp_path / "site" / "a" / "index.html").unlink()
    assert (
        run(
            "publish",
            "-c",
            tmp_path / "site.toml",
            "--first_day",
            NIGHT,
            "--last_day",
            NIGHT,
            now=NOW,
        )
        == 0
    )
    assert (tmp_path / "site" / "a" / "index.html").exists() and not os.listdir(
        tmp_path / "store" / ".unfinished"
    )
    shutil.rmtree(tmp_path / "site")
    run(
        "-c",
        settings(tmp_path, root, [], store=""),
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
        now=NOW,
    )
    assert {
        path.relative_to(tmp_path / "site" / "data")
        for path in (tmp_path / "site" / "data").rglob("*.parquet")
    } == elsewhere


def in_memory(address, to):
    """Write the objects below an address to a folder."""
    import fsspec

    files = fsspec.filesystem("memory")
    for name in files.find(address.removeprefix("memory:/")):
        path = to / name.removeprefix(address.removeprefix("memory:/")).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.cat_file(name))
    return to


@pytest.mark.parametrize(
    ("pages_in_objects", "store_in_objects"), [(True, False), (False, True), (True, True)]
)
def test_pages_and_store_in_object_stores(tmp_path, root, pages_in_objects, store_in_objects):
    """Pages and store may each be in a folder or an object store."""
    given = ("--first_day", NIGHT, "--last_day", NIGHT, "--jobs", 1)
    plain, hidden = tmp_path / "plain", [str(root), HOST]
    plain.mkdir()
    run("-c", settings(plain, root, hidden), *given, now=NOW)
    places = {"site": "site", "store": "store"}
    for name, is_in_objects in (("site", pages_in_objects), ("store", store_in_objects)):
        if is_in_objects:
            places[name] = f"memory://{tmp_path.name}-{name}"
    for _ in range(2):
        assert (
            run(
                "-c",
                settings(tmp_path, root, hidden, places["store"], places["site"]),
                *given,
                now=NOW,
            )
            == 1
        )
    for name, address in places.items():
        made = in_memory(address, tmp_path / f"of_{name}") if "://" in address else tmp_path / name
        names = [
            {
                path.relative_to(of)
                for path in of.rglob("*")
                if path.is_file() and path.name != ".lock"
            }
            for of in (made, plain / name)
        ]
        assert names[0] == names[1]
        if name == "site":
            assert (
                (told := whole_text(made)).count(WORD) > 20
                and HOST not in told
                and "da ta" not in told
            )
    later, ages = (
        NOW + datetime.timedelta(days=40),
        ("--keep_pages_days", "9", "--keep_tables_days", "9"),
    )
    assert run("prune", "-c", tmp_path / "site.toml", *ages, "--yes", now=later) == 0
    for name, address in places.items():
        left = (
            in_memory(address, tmp_path / f"left_of_{name}")
            if "://" in address
            else tmp_path / name
        )
        assert not list(left.rglob("*.parquet")) and not list(left.rglob(f"{NIGHT}.*.js"))
        assert name == "store" or list(left.rglob(f"{NIGHT}.html"))


def test_a_store_that_is_the_output(tmp_path, root, capsys):
    """A store_dir that is output_dir itself is refused."""
    assert run("-c", settings(tmp_path, root, [], store="site")) == 2
    assert "is output_dir itself" in capsys.readouterr().err


def test_prune_with_a_store_elsewhere(tmp_path, root):
    """`prune` finds tables and pages wherever they are."""
    given = ("-c", settings(tmp_path, root, [str(root), HOST]))
    run(*given, "--first_day", NIGHT, "--last_day", NIGHT, now=NOW)
    assert (
        run(
            "prune",
            *given,
            "--keep_pages_days",
            "9",
            "--keep_tables_days",
            "9",
            "--yes",
            now=NOW + datetime.timedelta(days=40),
        )
        == 0
    )
    assert not list((tmp_path / "store").rglob("*.parquet")) and not list(
        (tmp_path / "site" / "a").glob(f"{NIGHT}.*.js")
    )
    told = whole_text(tmp_path / "site")
    assert (
        (tmp_path / "site" / "a" / f"{NIGHT}.html").exists()
        and WORD in told
        and HOST not in told
        and "da ta" not in told
    )
    assert (
        run(
            "publish",
            *given,
            "--first_day",
            NIGHT,
            "--last_day",
            NIGHT,
            now=NOW + datetime.timedelta(days=40),
        )
        == 0
    )


def test_hidden_but_served(tmp_path, root, capsys):
    """Hiding texts while the store is served is refused."""
    assert run("-c", settings(tmp_path, root, [HOST], store="")) == 2
    assert "set store_dir to a folder that no web server shows" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    "text", ["", "a/b", "night", "summary", "index.html", "data-stream", "</td>", "2px;"]
)
def test_words_that_cannot_be_hidden(tmp_path, root, capsys, text):
    """A text that is too short, or a word of the pages, is refused."""
    assert run("-c", settings(tmp_path, root, [text])) == 2
    assert f"redact: {text!r} can't be hidden" in capsys.readouterr().err


def test_longer_texts_go_first():
    """Longer texts are hidden first; binary files are unchanged."""
    hidden = Redaction(["/data", "/data/auxTel", "nfs-7"])
    assert hidden.text("/data/auxTel/x /DATA/y NFS-7") == f"{WORD}/x {WORD}/y {WORD}"
    assert (
        hidden.file("a/b.html", b"/data\xff/data") == f"{WORD}".encode() + b"\xff" + WORD.encode()
    )
    assert hidden.file("a/b.png", b"/data") == hidden.file("assets/x.js", b"/data") == b"/data"
    with pytest.raises(UsageError):
        check(["/srv"], "… /SRV …")
