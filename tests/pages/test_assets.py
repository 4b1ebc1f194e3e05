"""Static files: one script from many, and old assets."""

import datetime
import re
import shutil

import pytest
from gen2tree import make_night
from running import run, times

from observing_monitor.pages import assets, render
from observing_monitor.readers.store_options import Storage
from observing_monitor.storage import layout
from observing_monitor.storage.object_output import ObjectOutput
from observing_monitor.storage.output import Output
from observing_monitor.storage.split_output import SplitOutput

NOW = datetime.datetime(2020, 2, 12, 20, tzinfo=datetime.UTC)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
OLD, NEW = "monitor-0000000001.js", "monitor-0000000002.js"
FOLDER = render.templates_dir() / "assets/js"


def test_the_script_has_every_file():
    """The script has each file once, the one that starts them last."""
    assert sorted(assets.SCRIPTS) == sorted(path.stem for path in FOLDER.iterdir())
    text = assets.script_text()
    assert all(text.count((FOLDER / f"{name}.js").read_text()) == 1 for name in assets.SCRIPTS)
    assert assets.SCRIPTS[-1] == "start" and text == assets.script_text()


def test_names_differ_with_the_content(tmp_path, monkeypatch):
    """A changed file changes the name of the script alone."""
    before = assets.asset_names()
    templates = changed_templates(tmp_path, monkeypatch)
    with open(templates / "assets/js/ages.js", "a") as file:
        file.write("// more\n")
    after = assets.asset_names()
    assert {plain for plain in before if before[plain] != after[plain]} == {assets.SCRIPT}


def changed_templates(tmp_path, monkeypatch):
    """Return a copy of the templates, which is used."""
    shutil.copytree(render.templates_dir(), tmp_path / "templates")
    for module in (render, assets):
        monkeypatch.setattr(module, "templates_dir", lambda: tmp_path / "templates")
    return tmp_path / "templates"


@pytest.fixture(params=["folder", "object store", "two folders"])
def output(request, tmp_path):
    """Each kind of output, with a new and an old script and a page."""
    made = {
        "folder": lambda: Output(tmp_path / "site"),
        "object store": lambda: ObjectOutput(f"memory://{tmp_path.name}/site", Storage()),
        "two folders": lambda: SplitOutput(Output(tmp_path / "site"), Output(tmp_path / "kept")),
    }[request.param]()
    made.make()
    for name in (OLD, NEW):
        made.write(f"assets/{name}", "")
    made.write("camera/2020-02-11.html", page(NEW))
    return made


def page(script):
    return f'<script defer src="../assets/{script}"></script>'


def there(output):
    return sorted(output.names("assets"))


def sweep(output, now):
    assets.sweep_assets(output, now, {NEW})


def test_a_replaced_asset_stays_for_a_day(output):
    """A replaced asset and its notes go after a day."""
    for hours in (0, 1, 23):
        sweep(output, NOW + hours * HOUR)
        assert there(output) == [OLD, NEW]
    sweep(output, NOW + DAY)
    assert there(output) == [NEW]
    assert not output.exists(layout.REPLACED_ASSETS)


@pytest.mark.parametrize("name", ["camera/2020-02-11.html", "2020-02-11.html", "v1.0/x.html"])
def test_an_asset_that_a_page_loads_stays(output, name):
    """It stays while any page loads it, and goes a day later."""
    output.write(name, page(OLD))
    for days in range(4):
        sweep(output, NOW + days * DAY)
        assert there(output) == [OLD, NEW]
    output.write(name, page(NEW))
    sweep(output, NOW + 4 * DAY)
    assert there(output) == [NEW]


def test_the_page_noted_may_go(output):
    """If the page that loads an asset is gone, another is found."""
    for night in ("2020-02-09", "2020-02-10"):
        output.write(f"camera/{night}.html", page(OLD))
    sweep(output, NOW)
    sweep(output, NOW + DAY)
    output.remove("camera/2020-02-09.html")
    sweep(output, NOW + 2 * DAY)
    assert there(output) == [OLD, NEW]


def test_files_of_others_stay(output):
    """Only names that this program gives are removed."""
    others = (
        "logo-0123456789.png",
        "style.css",
        "theme-0123456789.css",
        "monitor-012345678.js",
        "monitor-0123456789.js.bak",
        "monitor-012345678G.js",
        "plotly-mine.js",
    )
    for name in others:
        output.write(f"assets/{name}", "")
    for name in ("style-0123456789.css", "plotly-3.1.0.min.js"):
        output.write(f"assets/{name}", "")
    sweep(output, NOW)
    sweep(output, NOW + DAY)
    assert there(output) == sorted([NEW, *others])


def test_an_asset_that_comes_back_stays(output):
    """If it is used again in between, its day begins again."""
    sweep(output, NOW)
    assets.sweep_assets(output, NOW + HOUR, {OLD})
    sweep(output, NOW + DAY)
    assert there(output) == [OLD, NEW]
    sweep(output, NOW + 2 * DAY)
    assert there(output) == [NEW]


def test_damaged_notes_cost_a_day(output):
    """With damaged notes, everything stays another day."""
    for text in ("", "[]", '{"replaced": 3}', '{"replaced": {"OLD": ["yesterday", ""]}}'):
        output.write(layout.REPLACED_ASSETS, text.replace("OLD", OLD))
        sweep(output, NOW)
        assert there(output) == [OLD, NEW]
    sweep(output, NOW + DAY)
    assert there(output) == [NEW]


def test_a_clock_that_was_wrong(output):
    """A clock years ahead postpones the check by one day."""
    sweep(output, NOW + 3650 * DAY)
    sweep(output, NOW)
    sweep(output, NOW + DAY)
    assert there(output) == [NEW]


class Counting(Output):
    """A folder that counts the pages that are read."""

    n_pages = 0

    def read(self, relative):
        self.n_pages += relative.endswith(".html")
        return super().read(relative)


def test_pages_are_seldom_read(tmp_path):
    """Pages are read only if an asset is due."""
    output = Counting(tmp_path)
    output.make()
    output.write(f"assets/{NEW}", "")
    for number in range(1, 21):
        output.write(f"camera/2020-01-{number:02}.html", page(OLD if number == 20 else NEW))

    def n_read(now):
        output.n_pages = 0
        sweep(output, now)
        return output.n_pages

    assert n_read(NOW) == 0, "nothing was replaced"
    output.write(f"assets/{OLD}", "")
    assert (n_read(NOW), n_read(NOW + 23 * HOUR)) == (0, 0)
    assert (n_read(NOW + DAY), n_read(NOW + DAY + HOUR), n_read(NOW + 2 * DAY)) == (20, 0, 1)
    assert there(output) == [OLD, NEW]


def test_what_cannot_be_read(tmp_path):
    """A page that cannot be read keeps everything."""
    output = Output(tmp_path)
    output.make()
    for name in (OLD, NEW):
        output.write(f"assets/{name}", "")
    (tmp_path / "camera.html").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    sweep(output, NOW)
    sweep(output, NOW + DAY)
    assert there(output) == [OLD, NEW]
    (tmp_path / "camera.html").rmdir()
    (tmp_path / "lost+found").symlink_to("lost+found")
    sweep(output, NOW + 2 * DAY)
    assert there(output) == [NEW]


def test_an_upgrade(tmp_path, monkeypatch):
    """A site keeps what any page loads, and nothing else."""
    last = datetime.date(2020, 2, 12)
    for days in range(5):
        night = last - days * DAY
        make_night(tmp_path / "input", night, {"ingested": 2}, now=NOW)
    text = '[observing_monitor]\noutput_dir = "site"\n[streams.camera]\ninput_dir = "input"\n'
    (tmp_path / "site.toml").write_text(text)
    command = ("-c", tmp_path / "site.toml")
    folder = tmp_path / "site/assets"
    templates = changed_templates(tmp_path, monkeypatch)

    def styles(style, now, *words):
        """Run with a style sheet; return those in `assets/`."""
        (templates / "assets/style.css").write_text(f"/* {style} */")
        assert run(*words, *command, now=now) == 0
        return sorted(path.read_text()[3] for path in folder.glob("style-*.css"))

    assert styles(1, NOW, "rebuild", "--jobs", 1) == ["1"]
    assert styles(1, NOW + HOUR, "prune", "--keep_tables_days", 3, "--yes") == ["1"]
    assert styles(2, NOW + 2 * HOUR, "publish") == ["1", "2"]
    assert styles(3, NOW + 3 * HOUR, "publish") == ["1", "2", "3"]
    # pages of pruned nights still load the first
    assert styles(3, NOW + 2 * DAY, "publish") == ["1", "3"]
    assert styles(3, NOW + 4 * DAY, "publish") == ["1", "3"]
    before = times(tmp_path / "site")
    assert styles(3, NOW + 4 * DAY + HOUR, "publish") == ["1", "3"]
    assert times(tmp_path / "site") == before
    for path in (tmp_path / "site").rglob("*.html"):
        for name in re.findall(r"assets/([\w.-]+)", path.read_text()):
            assert (folder / name).exists(), f"{path.name} loads {name}"
