"""Messages for errors of object stores.

A store's own words are never shown: they may contain the user's name or a signed request.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


ELSEWHERE = {
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "IllegalLocationConstraintException",
    "301",
}
REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "AccountProblem",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "403",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidSecurity",
    "NotSignedUp",
}
# names of exceptions
_UNANSWERED = re.compile("Connect|Timeout|Endpoint|Closed|SilentStore")
BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "500", "503"}


def store_message(error: BaseException, endpoint_url: str) -> str:
    """Return the message for an error of a store.

    One line: what is wrong, and what to do.

    Parameters
    ----------
    error
        An exception of fsspec, of one of its file systems, or of what they are built on.
    endpoint_url
        The setting; "" if the environment or the address decides.
    """
    code = error_code(error)
    kinds = [type(one).__name__ for one in _chain(error)]
    if words := _by_code(error, code) or _by_kind(kinds, endpoint_url):
        return words
    if code in BUSY:
        return f"the store is busy or broken ({code}); the next run tries again"
    if code:
        return f"the store answered {code}; its log tells more"
    return f"could not be asked ({kinds[0]}); are options in [storage] right?"


def error_code(error: BaseException) -> str:
    """Return the S3 error code of an exception or its causes.

    "" if there is none.
    """
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict) and isinstance(response.get("Error"), dict):
            return str(response["Error"].get("Code") or "")
    return ""


def is_unanswered(error: BaseException) -> bool:
    """True if a store has not answered a request."""
    kinds = (type(one).__name__ for one in _chain(error))
    return not error_code(error) and any(_UNANSWERED.search(kind) for kind in kinds)


def _by_code(error: BaseException, code: str) -> str:
    if code == "NoSuchBucket" or (isinstance(error, FileNotFoundError) and not code):
        remedy = "make it, or correct the address or endpoint_url in [storage]"
        return f"there is no such bucket; {remedy}"
    if code in ELSEWHERE:
        return f"the bucket is in another region ({code}); set region in [storage]"
    if code == "RequestTimeTooSkewed":
        return "the store refuses this machine's clock; set it right"
    if code in REFUSED or isinstance(error, PermissionError):
        remedy = "whoever runs this needs credentials that may do this"
        where = "(AWS_PROFILE, or profile in [storage])"
        return f"refused ({code or 'permission denied'}); {remedy} {where}"
    return ""


def _by_kind(kinds: list[str], endpoint_url: str) -> str:
    if "ProfileNotFound" in kinds:
        return "its profile is not in ~/.aws/config; correct profile in [storage], or AWS_PROFILE"
    without_credentials = ("TokenRetrievalError", "SSOTokenLoadError")
    if any("Credential" in kind or kind in without_credentials for kind in kinds):
        remedy = "set AWS_PROFILE, profile in [storage], or, for a public bucket, anonymous = true"
        return f"no credentials were found; {remedy}"
    where = (
        endpoint_url
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or "its address"
    )
    if any(re.search("SSL|Certificate", kind) for kind in kinds):
        remedy = "AWS_CA_BUNDLE names the authority's file"
        return f"the certificate of {where} is not trusted; {remedy}"
    if any(_UNANSWERED.search(kind) for kind in kinds):
        remedy = "is the store up, and endpoint_url in [storage] right?"
        return f"nothing answers at {where}; {remedy}"
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
