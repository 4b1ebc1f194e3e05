"""Deliver a change by an HTTP POST of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.feeds.delivery import (
    DeliveryError,
    as_json,
    network_reason,
    read_secret,
    reason,
    within_limit,
)

if TYPE_CHECKING:
    from typing import Any

    from observing_monitor.feeds.change import Change
    from observing_monitor.settings.receivers import WebhookSettings


def deliver_by_webhook(settings: WebhookSettings, change: Change) -> None:
    """POST a change to a receiver's address."""
    within_limit(lambda: _post(settings, change), settings.timeout_s, "the webhook")


def _post(settings: WebhookSettings, change: Change) -> None:
    """POST a change as JSON; redirects fail."""
    import http.client
    import urllib.error
    import urllib.request

    # the settings do not name the place that a redirect leads to
    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    url = settings.url or read_secret(settings.url_env, settings.url_file)
    token = read_secret(settings.token_env, settings.token_file)
    if not url.lower().startswith(("http://", "https://")):
        raise DeliveryError("the webhook's url does not begin with https:// or http://")
    headers = {"Content-Type": "application/json", "User-Agent": "observing_monitor"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    # messages name the host alone: for many services the address itself is the password
    host = url.split("/")[2].rpartition("@")[2]
    try:
        request = urllib.request.Request(url, data=as_json(change), headers=headers, method="POST")
        opener = urllib.request.build_opener(NoRedirect)
        with opener.open(request, timeout=settings.timeout_s) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        words = ", a redirect, which is not followed" if 300 <= error.code < 400 else ""
        raise DeliveryError(f"{host} answered {error.code}{words}") from None
    except urllib.error.URLError as error:
        cause = error.reason
        why = reason(cause) if isinstance(cause, str) else network_reason(cause)
        raise DeliveryError(f"{host}: {why}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DeliveryError(f"{host}: {type(error).__name__}") from None
