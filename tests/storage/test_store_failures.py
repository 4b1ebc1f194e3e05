"""Object stores that refuse, answer nonsense, damage a table or die."""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from buckets import DAYS, Bucket, begin, days, on_disk, set_environment, settings_file
from ceph import Ceph
from conftest import need
from running import nights

from observing_monitor.errors import OutputError
from observing_monitor.readers import object_store
from observing_monitor.readers.store_options import Storage

pytest_plugins = ["bucket_fixtures"]

WRONG = {
    "no bucket": (
        {},
        "no-such-bucket-here",
        r"there is no such bucket; make it, or correct the address or endpoint_url in \[storage\]",
    ),
    "no such key": (
        {"AWS_ACCESS_KEY_ID": "AKNOBODY"},
        "",
        r"refused \(InvalidAccessKeyId\); whoever runs this needs credentials",
    ),
    "wrong secret": (
        {"AWS_SECRET_ACCESS_KEY": "hunter2hunter2"},
        "",
        r"refused \(SignatureDoesNotMatch\); whoever runs this needs",
    ),
    "no credentials": (
        {"AWS_ACCESS_KEY_ID": None},
        "",
        r"no credentials were found; set AWS_PROFILE, profile in \[storage\], or",
    ),
    "no profile": (
        {"AWS_PROFILE": "nobody"},
        "",
        r"its profile is not in ~/.aws/config; correct profile in \[storage\]",
    ),
    "nobody there": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        "",
        r"nothing answers at http://127.0.0.1:9; is the store up, and",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_store_that_refuses(bucket, tmp_path, account, monkeypatch, wrong, go):
    """A store that refuses is one line with the remedy, without secrets."""
    night = DAYS[0]
    bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_000001.fits")
    which = ("--first_day", night, "--last_day", night, "--stream", "auxTel")
    site = ("--input_dir", f"{bucket.address}/raw", "--output_dir", tmp_path / "site")
    assert go(*which, *site)[0] == 0
    environment, name, words = WRONG[wrong]
    for key, value in environment.items():
        monkeypatch.setenv(key, value) if value else monkeypatch.delenv(key)
    if not environment.get("AWS_ACCESS_KEY_ID", "x"):
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    address = f"s3://{name}" if name else bucket.address

    code, said = go(*which, "--input_dir", f"{address}/raw", "--output_dir", tmp_path / "site")
    assert code == 1 and len(said.splitlines()) == 1 and re.search(words, said), said
    assert nights(tmp_path / "site")[night.isoformat()]["n_files"] == 1

    (tmp_path / "storage").mkdir(exist_ok=True)
    code, told = go(*which, "--input_dir", tmp_path, "--output_dir", f"{address}/site")
    assert code == 2 and len(told.splitlines()) == 1 and re.search(words, told), told
    everything = (
        said
        + told
        + "".join(
            path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()
        )
    )
    for secret in (*account, *filter(None, environment.values())):
        assert "://" in secret or secret == "nobody" or secret not in everything


def test_certificate_that_nobody_vouches_for(tmp_path, account, monkeypatch, go):
    """A store with an untrusted certificate gets no request."""
    openssl = shutil.which("openssl")
    need(openssl, "there is no openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run([openssl, "req", *made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked = []

    def answer(listening):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection, _ = listening.accept()
                with (
                    contextlib.suppress(OSError),
                    connection,
                    context.wrap_socket(connection, server_side=True) as trusted,
                ):
                    asked.append(trusted.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", where)
        code, said = go("--input_dir", tmp_path, "--output_dir", "s3://pages/site")
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert (
        code == 2
        and f"the certificate of {where} is not trusted; AWS_CA_BUNDLE names the authority's file"
        in said
    )
    assert len(said.splitlines()) == 1 and not any(asked)


def test_what_a_store_says_of_itself(bucket, tmp_path, go):
    """Another answer is reported by its code, and wrong options as such."""
    with pytest.raises(OutputError, match=r"the store answered \w+; its log tells more"):
        object_store.Objects(bucket.address, Storage(), OutputError).write("x" * 2000, b"")
    text = (
        f"[observing_monitor]\noutput_dir = '{bucket.address}/site'\n"
        "[storage]\noptions = { client_kwargs = { no_such = 1 } }\n"
    )
    code, said = go("-c", settings_file(tmp_path, f"{text}[streams.a]\ninput_dir = '{tmp_path}'\n"))
    assert (
        code == 2
        and "could not be asked (TypeError); are options in [storage] right?" in said
        and len(said.splitlines()) == 1
    )


def test_damaged_table_is_set_aside(tree, bucket, go):
    """A damaged table in a bucket is renamed and made anew from the sources."""
    folder, now = tree
    which = ("--input_dir", folder, *days(last=DAYS[0]), "--output_dir", bucket.address)
    assert go(*which, now=now)[0] == 0
    (name,) = (name for name in bucket.listed() if name.endswith("/files.parquet"))
    before = bucket.contents("")
    whole = bucket.get(name)
    bucket.put(name, whole[: len(whole) // 2])
    code, said = go(*which, now=now)
    assert "set aside as files.parquet.damaged" in said and "Traceback" not in said
    assert bucket.get(f"{name}.damaged") == whole[: len(whole) // 2]
    after = bucket.contents("")
    assert code == 0 and {key: after[key] for key in before} == before


def test_store_that_dies_in_the_middle(tree, tmp_path, monkeypatch, go):
    """After a store stopped during a run, the next completes the site."""
    need(Ceph.is_there(), "there is no Ceph (Debian's packages radosgw, ceph-mon and ceph-osd)")
    folder, now = tree
    which = ("rebuild", "--input_dir", folder, "--jobs", "1")
    with Ceph() as ceph:
        key, secret = ceph.user("tester")
        set_environment(monkeypatch, ceph, key, secret)
        bucket = Bucket(ceph, key, secret, "pages")
        process = begin(
            bucket, "site/", 2, *which, "--output_dir", f"{bucket.address}/site", now=now
        )
        ceph.process.kill()
        ceph.process.wait()
        _, words = process.communicate()
        assert (
            process.returncode == 2
            and len(words.splitlines()) == 1
            and "nothing answers at http://127.0.0.1:" in words
        ), words
        ceph.start()
        assert go(*which, "--output_dir", f"{bucket.address}/site", now=now) == (0, "")
        assert go(*which, "--output_dir", tmp_path / "site", now=now) == (0, "")
        assert bucket.contents("site/") == on_disk(tmp_path / "site")
