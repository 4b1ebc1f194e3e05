"""The reason of each file's class."""

from night_tables import NOW, files, ingests

from observing_monitor.tables.classify import Limits, classify
from observing_monitor.tables.reasons import reasons_of


def reason(message, acknowledged):
    """The reason of a file whose only attempt failed."""
    tried = ingests({"file_id": "n/a.fits", "status": "failure", "message": message})
    judged = classify(files({"file_id": "n/a.fits"}), tried, Limits(), NOW)
    return reasons_of(judged.assign(acknowledged=acknowledged))[0]


def test_known_reason_follows_the_message():
    """A known reason comes after the message, if there is one."""
    assert reason("KeyError: 'DATE-OBS'", "a test") == "KeyError: 'DATE-OBS'; known: a test"
    assert reason("KeyError: 'DATE-OBS'", "") == "KeyError: 'DATE-OBS'"


def test_known_reason_without_a_message():
    """A known reason stands alone if the attempt left no message."""
    assert reason("", "a test") == "known: a test"
    assert reason("", "") == ""
