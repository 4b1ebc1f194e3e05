"""The completeness of nights."""

from observing_monitor.model.completeness import completeness


def night(n_files, n_ingested, n_ignored=0, n_not_fits=0, n_pending=0):
    return {
        "n_pending": n_pending,
        "n_files": n_files,
        "n_ingested": n_ingested,
        "n_ignored": n_ignored,
        "n_not_fits": n_not_fits,
    }


def test_one_night():
    """Files that are ignored or not FITS do not lower a night's completeness."""
    assert completeness([night(10, 6, n_ignored=1, n_not_fits=1)]) == 0.75


def test_running_night():
    """Pending files do not lower the completeness."""
    assert completeness([night(10, 6, n_pending=4)]) == 1
    assert completeness([night(10, 6, n_pending=2)]) == 0.75
    assert completeness([night(3, 0, n_pending=3)]) is None


def test_files_that_never_came():
    """A night of which expected files never came is not complete."""
    night_of_594 = {**night(593, 593), "n_expected_missing": 1.0}
    assert completeness([night_of_594]) == 593 / 594
    assert completeness([{**night(0, 0), "n_expected_missing": 9.0}]) == 0
    assert completeness([{**night(2, 2), "n_expected_missing": None}]) == 1


def test_several_nights():
    """Each file of several nights counts the same, however large its night is."""
    assert completeness([night(90, 90), night(10, 0)]) == 0.9


def test_nothing_due():
    """Without a file that should be ingested there is no completeness."""
    assert completeness([]) is None
    assert completeness([night(2, 0, n_ignored=1, n_not_fits=1)]) is None
