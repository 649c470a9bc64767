"""Where S3 is, if it is not Amazon's: one setting for GDAL, which reads, and for the library that writes."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

NAMES: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables of the AWS command line and SDKs, the more special one first."""
GDAL: Final = "AWS_S3_ENDPOINT"
"""That of GDAL, host and port, with AWS_HTTPS beside it."""


def endpoint_url() -> str | None:
    """The address of the S3 service.

    Returns:
        As in AWS_ENDPOINT_URL, or as GDAL's AWS_S3_ENDPOINT has it; None for Amazon's.
    """
    told = next((os.environ[name] for name in NAMES if os.environ.get(name)), None)
    if told is None and os.environ.get(GDAL):
        secure = os.environ.get("AWS_HTTPS", "YES").upper() not in ("NO", "FALSE", "OFF", "0")
        told = f"{'https' if secure else 'http'}://{os.environ[GDAL]}"
    return told


def gdal_settings() -> dict[str, str]:
    """What GDAL has to be told of the S3 service.

    Returns:
        Configuration options; none where GDAL finds everything in the environment itself.
    """
    told = None if os.environ.get(GDAL) else endpoint_url()
    if told is None:
        return {}
    parts = urlsplit(told)
    secure = "YES" if parts.scheme == "https" else "NO"
    return {GDAL: parts.netloc + parts.path.rstrip("/"), "AWS_HTTPS": secure, "AWS_VIRTUAL_HOSTING": "FALSE"}
