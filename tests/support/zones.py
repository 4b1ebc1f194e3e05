"""Time zones of the machine, its servers and browsers: each test has one of three."""

import os
import time
import zlib

ZONES = ("UTC", "America/Santiago", "Asia/Tokyo")


def zone_of(item):
    """Return the zone of a test: its parameter `zone`, or one of three by its name.

    A test run alone has the same zone as among all others.
    """
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get("zone") or ZONES[zlib.crc32(item.nodeid.encode()) % len(ZONES)]


def use_zone(zone):
    """Set the zone of this process, and of the processes that it starts."""
    os.environ["TZ"] = zone
    time.tzset()


class ZonedBrowser:
    """A browser whose pages are in the zone of the test that opens them."""

    def __init__(self, browser):
        self._browser = browser

    def new_context(self, **options):
        """Return a context in the zone of the test, unless the options name another."""
        return self._browser.new_context(**{"timezone_id": os.environ["TZ"]} | options)

    def new_page(self, **options):
        """Return a page in the zone of the test, unless the options name another."""
        return self._browser.new_page(**{"timezone_id": os.environ["TZ"]} | options)
