"""Listings as gsutil and gcloud write them, and other texts."""

import pytest
from broker_nights import NOW, listed, metric
from running import nights, run

A = "gs://bucket/ztf_20210901_programid1/ZTF18aaaaaaa"
TOTAL = "TOTAL: 3 objects, 65718 bytes (64.18 KiB)"


def lines(form):
    """Return three lines of a form."""
    return [form.format(n=n, address=f"{A}/170421790101501500{n}.avro") for n in (5, 6, 7)]


FORMS = {
    "ls": "{address}",
    "ls -l": "     2190{n}  2021-09-01T05:14:0{n}Z  {address}",
    "ls -la": "     2190{n}  2021-09-01T05:14:0{n}Z  {address}#1630473226000001  metageneration=1",
    "ls -lh": " 21.4{n} KiB  2021-09-01T05:14:0{n}Z  {address}",
    "gcloud -l --readable-sizes": "  21.4{n}kiB  2021-09-01T05:14:0{n}Z  {address}",
    "old gsutil": "     2190{n}  Wed, 01 Sep 2021 05:14:0{n} GMT  {address}",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_listing(write, form):
    """Each form has three alerts; those with sizes have times as well."""
    total = [TOTAL] if form != "ls" else []
    reading = listed(write("l.txt", "\n".join([*lines(FORMS[form]), *total])))
    assert metric(reading, "avros_stored") == 3 and not reading.notes and not reading.unread
    if form != "ls":
        assert reading.files["size_bytes"].between(21_905, 21_985).all()
        times = reading.files["transferred_at"].dt.strftime("%F %T").tolist()
        assert times == [f"2021-09-01 05:14:0{n}" for n in (5, 6, 7)]


def site(tmp_path, write):
    """Write a settings file, and return a function that publishes a listing."""
    write("counts.csv", "night,alerts_produced,messages_published\n2021-09-01,3,3\n")
    config = tmp_path / "site.toml"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.ztf]\nnight_rule = "UTC"\n'
        '[[streams.ztf.sources]]\ntype = "broker_counts"\npath = "counts.csv"\n'
        '[[streams.ztf.sources]]\ntype = "bucket_listing"\npath = "{night:%Y%m%d}.txt"\n'
    )

    def published(*text):
        write("20210901.txt", "\n".join([*text, ""]))
        day = ("--first_day", "2021-09-01", "--last_day", "2021-09-01")
        code = run("-c", config, *day, now=NOW)
        night = nights(tmp_path / "site" / "ztf")["2021-09-01"]
        return code, night["avros_stored"], night["n_files"], night["n_gone"]

    return published


@pytest.mark.parametrize(
    "words",
    [
        "ServiceException: 401 Anonymous caller does not have storage.objects.list access.",
        "CommandException: One or more URLs matched no objects.",
        "<html><body>Sign in</body></html>",
        f"2021-09-01 05:14:05 | 21905 | {A}/x.avro |\n{TOTAL}",
        "gs://bucket/other/1.jpg\ngs://bucket/other/2.jpg",
    ],
)
def test_listing_that_is_not_understood_is_not_zero(tmp_path, write, words):
    """Known alerts stay until a listing is understood."""
    published = site(tmp_path, write)
    good = [*lines(FORMS["ls -l"]), TOTAL]
    assert published(*good) == (0, 3, 3, 0)
    assert published(words) == (1, 3, 3, 0)
    assert published(words) == (1, 3, 3, 0)
    page = (tmp_path / "site/ztf/2021-09-01.html").read_text()
    assert "none understood" in page
    assert published(*good) == (0, 3, 3, 0)


def test_part_of_a_listing_makes_no_file_gone(tmp_path, write):
    """Files are gone only if the whole listing is understood."""
    published = site(tmp_path, write)
    three = lines(FORMS["ls -l"])
    assert published(*three, TOTAL) == (0, 3, 3, 0)
    assert published(*three[:2])[1:] == (2, 3, 0)  # cut: without its TOTAL
    assert published(*three[:2], TOTAL)[1:] == (2, 3, 0)
    assert published(*three[:2], f"x {three[2]}", TOTAL)[1:] == (2, 3, 0)
    two = TOTAL.replace("3 objects", "2 objects")
    assert published(*three[:2], two)[1:] == (2, 3, 1)
    assert published("gs://bucket/index.html", *lines("{address}")[:1])[1:] == (1, 3, 2)
