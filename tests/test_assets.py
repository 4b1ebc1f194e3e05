"""Static files: one script from many files."""

import shutil

from observing_monitor import assets, pages

FOLDER = pages.templates_dir() / "assets/js"


def test_the_script_has_every_file():
    """Each file of the folder is in the script once, and what starts the others is the last."""
    assert sorted(assets.SCRIPTS) == sorted(path.stem for path in FOLDER.iterdir())
    text = assets.script_text()
    assert all(text.count((FOLDER / f"{name}.js").read_text()) == 1 for name in assets.SCRIPTS)
    assert assets.SCRIPTS[-1] == "start" and text == assets.script_text()


def test_names_differ_with_the_content(tmp_path, monkeypatch):
    """A change in one file of the script changes the script's name, and no other."""
    before = assets.asset_names()
    templates = changed_templates(tmp_path, monkeypatch)
    with open(templates / "assets/js/ages.js", "a") as file:
        file.write("// more\n")
    after = assets.asset_names()
    assert {plain for plain in before if before[plain] != after[plain]} == {assets.SCRIPT}


def changed_templates(tmp_path, monkeypatch):
    """Return a copy of the templates that is used instead of them."""
    shutil.copytree(pages.templates_dir(), tmp_path / "templates")
    monkeypatch.setattr(pages, "templates_dir", lambda: tmp_path / "templates")
    return tmp_path / "templates"
