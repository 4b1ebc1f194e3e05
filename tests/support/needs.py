"""Skips a test if the machine lacks what it needs."""

import os

import pytest


def need(condition, reason):
    """Skip the test unless `condition` holds.

    With OBSMON_REQUIRE=all (CI), fail it instead.
    """
    if condition:
        return
    if os.environ.get("OBSMON_REQUIRE") == "all":
        pytest.fail(f"{reason}; and OBSMON_REQUIRE=all allows no skips", pytrace=False)
    pytest.skip(reason)
