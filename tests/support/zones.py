"""Time zones: each test has one of three."""

import os
import time
import zlib

ZONES = ("UTC", "America/Santiago", "Asia/Tokyo")


def zone_of(item):
    """Return a test's zone: a parameter, or chosen by its name.

    A test run alone has the same zone as among all others.
    """
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get("zone") or ZONES[zlib.crc32(item.nodeid.encode()) % len(ZONES)]


def use_zone(zone):
    """Set the zone of this process and of its children."""
    os.environ["TZ"] = zone
    time.tzset()


class ZonedBrowser:
    """A browser with pages in the zone of their test."""

    def __init__(self, browser):
        self._browser = browser

    def new_context(self, **options):
        """Return a context in the zone of the test, or another."""
        return self._browser.new_context(**{"timezone_id": os.environ["TZ"]} | options)

    def new_page(self, **options):
        """Return a page in the zone of the test, or another."""
        return self._browser.new_page(**{"timezone_id": os.environ["TZ"]} | options)
