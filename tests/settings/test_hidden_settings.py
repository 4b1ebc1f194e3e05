"""Settings of proprietary facts."""

import pytest

from observing_monitor.errors import UsageError
from observing_monitor.settings.read import streams_of_file

INPUT = '[streams.a]\ninput_dir = "x"\n'


def read(folder, text):
    """Return the stream of a settings file."""
    path = folder / "site.toml"
    path.write_text(INPUT + text)
    return streams_of_file(path)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hide = ['targets']", "hide: 'targets' can't be hidden; did you mean 'target'?"),
        ("hide = ['exposure_time_s']", "hide: 'exposure_time_s' can't be hidden; known are"),
        ("hide = 'target'", "hide: a list of texts, such as"),
        ("hide = ['target']\nhide_until = 0", "hide_until: 0 is no number of months; write"),
        ("hide = ['target']\nhide_until = 1201", 'write "released", or months from 1 to 1,200'),
        ("hide = ['target']\nhide_until = 'never'", 'hide_until: "released" or a whole number'),
        ("hide = ['target']\nhide_programs = ['']", "hide_programs: a pattern is empty; write"),
        ("hide_until = 3", "hide_until has no effect without hide; name the columns"),
        ("hide_programs = ['GN-*']", "hide_programs has no effect without hide; name the columns"),
    ],
)
def test_wrong_value(tmp_path, text, message):
    """A message names the setting, and says what to write."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert "[streams.a]" in str(caught.value) and message in str(caught.value)


def test_coordinate_hides_the_others(tmp_path):
    """The time, the place and one of these facts give the others away."""
    stream = read(tmp_path, "hide = ['target', 'dec_deg']\nhide_until = 12")
    position = ("airmass", "altitude_deg", "azimuth_deg", "dec_deg", "ra_deg", "rotation_deg")
    assert stream.hide == (*position, "target") and stream.hide_until == 12
    assert read(tmp_path, "hide = ['target']").hide_until == "released"
    assert read(tmp_path, "").hide == ()
