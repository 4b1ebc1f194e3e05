"""butler.yaml, and the records of datastores."""

from pathlib import Path

import pytest

from observing_monitor.errors import SourceError
from observing_monitor.sources.gen3_butler import read_repository
from observing_monitor.sources.gen3_places import locate


def test_butler_yaml(tmp_path):
    """Root, placeholders and chains of datastores are read."""
    (tmp_path / "butler.yaml").write_text(
        "root: /repo/main\nregistry: {db: 'postgresql://u@host/db', namespace: main}\n"
        "datastore:\n  cls: lsst.ChainedDatastore\n  datastores:\n"
        "  - {cls: lsst.InMemoryDatastore}\n"
        "  - {cls: lsst.FileDatastore, root: <butlerRoot>/a, records: {table: a_records}}\n"
        "  - {root: 's3://bucket/b'}\n"
    )
    repository = read_repository(tmp_path)
    assert (repository.url, repository.namespace) == ("postgresql://u@host/db", "main")
    assert repository.datastores == (
        ("/repo/main/a", "a_records"),
        ("s3://bucket/b", "file_datastore_records"),
    )
    assert read_repository(tmp_path / "butler.yaml", "sqlite:////x.db").url == "sqlite:////x.db"


@pytest.mark.parametrize("db", ["5", "[a]", "nothing"])
def test_registry_without_an_address(tmp_path, db):
    """A wrong registry.db is an error of the source."""
    (tmp_path / "butler.yaml").write_text(f"registry:\n  db: {db}\n")
    with pytest.raises(SourceError, match=r"butler\.yaml: registry\.db is no database's address"):
        read_repository(tmp_path)


@pytest.mark.parametrize(
    ("path", "root", "key", "file"),
    [
        ("raw/a b.fits", "/repo", "raw/a b.fits", "/repo/raw/a b.fits"),
        ("raw/a.fits", "file:///my%20repo", "raw/a.fits", "/my repo/raw/a.fits"),
        ("raw/a.fits", "s3://bucket/repo", "raw/a.fits", ""),
        ("file:///data/a%20b.fits", "/repo", "/data/a b.fits", "/data/a b.fits"),
        ("s3://bucket/a.fits", "/repo", "/a.fits", ""),
        (
            "raw/all.zip#zip-path=R22_S00.fits",
            "/repo",
            "raw/all.zip/R22_S00.fits",
            "/repo/raw/all.zip",
        ),
        (None, "/repo", None, ""),
    ],
)
def test_places(path, root, key, file):
    """A record leads below the root, to a URI, or into a zip."""
    place = locate(path, root)
    assert (place.key, place.file) == (key, file) and place.name == (
        Path(key).name if key else None
    )


@pytest.mark.parametrize("place", ["datastore: *a30", "root: *a30", "datastore: {root: *a30}"])
def test_aliases_that_repeat(tmp_path, place):
    """A few lines that stand for a billion values are refused at once."""
    lines = ["a0: &a0 {cls: InMemoryDatastore}"]
    lines += [f"a{n}: &a{n} {{datastores: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 31)]
    (tmp_path / "butler.yaml").write_text("\n".join([*lines, place]))
    with pytest.raises(SourceError, match="has more than 10,000 values"):
        read_repository(tmp_path)


def test_a_file_that_contains_itself(tmp_path):
    """A table that contains itself is refused, and so is a huge file."""
    (tmp_path / "butler.yaml").write_text("a: &a {datastores: [*a]}\ndatastore: *a\n")
    with pytest.raises(SourceError, match="has more than 10,000 values"):
        read_repository(tmp_path)
    (tmp_path / "butler.yaml").write_text("# comment\n" * 200_000)
    with pytest.raises(SourceError, match="has more than 1,000,000 bytes"):
        read_repository(tmp_path)
