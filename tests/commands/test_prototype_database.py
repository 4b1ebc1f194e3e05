"""A file that is no whole database of the prototype is refused."""

from gen2tree import later
from prototype import database, observed, settings, take_over


def wrong_databases(folder):
    """Yield files that are no whole database, and what is said of each."""
    _, path = observed(folder, later())
    whole = path.read_bytes()
    path.unlink()
    yield path, None, "no such file or directory"
    yield path, b"", "has no table"
    yield path, b"This is no database at all. " * 100, "is no SQLite database"
    for cut in (50, 4096, len(whole) // 2, len(whole) - 1):
        yield path, whole[:cut], ""
    for page in range(4096, len(whole), 4096):
        yield path, whole[:page] + b"\xff" * 200 + whole[page + 200 :], ""
    other = database(folder / "other.sqlite3", "CREATE TABLE raw (id INT);", [])
    yield path, other.read_bytes(), "has the tables raw; the prototype's are TRANSFER_LIST"


def test_wrong_database(tmp_path, capfd):
    """A wrong, cut or damaged file is named, and nothing is written."""
    config = settings(tmp_path)
    for path, data, words in wrong_databases(tmp_path):
        if data is not None:
            path.write_bytes(data)
        assert take_over(tmp_path, config) == 2
        said = capfd.readouterr().err
        assert (
            said.count("\n") == 1
            and f"observing_monitor: {path}: " in said
            and words in said
            and "nothing was taken over" in said
        )
        assert not list((tmp_path / "site").glob("data/stream=*/night=*"))
