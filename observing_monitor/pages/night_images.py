"""Images that systems reported, as files."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from observing_monitor.model.digest import hex_digest
from observing_monitor.pages.contexts import Image
from observing_monitor.pages.night_files import images_path
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.tables.latest import LatestImage


_TYPE = "data:image/png;base64"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_NAME = 80  # characters of the file's name before its hash


def write_images(job: NightJob, images: Iterable[LatestImage]) -> list[Image]:
    """Write a night's images that are PNG; return them."""
    shown = []
    for image in images:
        content = _png(image["text"])
        if content:
            name = _file_name(job, image, content)
            job.site.output.write_changed(f"{images_path(job)}/{name}", content)
            href = f"{layout.images_folder(job.night)}/{name}"
            shown.append(Image(image["name"], image["node"], href, image["sampled_at"]))
    return shown


def remove_stale_images(job: NightJob, kept: Iterable[str]) -> None:
    """Remove images that a night's page no longer shows."""
    job.site.output.prune(images_path(job), ".png", set(kept))


def _png(address: str) -> bytes | None:
    """Return the PNG image of a data URI, or None."""
    head, _, data = address.partition(",")
    if head != _TYPE:
        return None
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if content.startswith(_SIGNATURE) else None


def _file_name(job: NightJob, image: LatestImage, content: bytes) -> str:
    """Return the name of an image's file.

    It has a hash, so that no cache shows an old image.
    """
    digest = hex_digest(f"{image['name']} {image['node']} ", content, n_bytes=5)
    words = job.site.output.redaction.text(f"{image['node']} {image['name']}")
    plain = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:MAX_NAME]
    return f"{plain}-{digest}.png"
