"""The connection to S3, from the standard AWS variables and files, and its errors as one sentence without any secret."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

# Short, for the driver waits meanwhile; in an outage it tries again later.
_CONNECT_SECONDS = 3
_READ_SECONDS = 10
_ATTEMPTS = 2
_DENIED = {
    "401",
    "403",
    "AccessDenied",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}


class StorageError(OSError):
    """The storage cannot be reached or used; its text is one sentence with what to do, and holds no secret."""


class Conflict(StorageError):
    """A conditional write found that somebody else had written meanwhile."""


@functools.cache
def client() -> Any:
    """One client a process; safe to use from several threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        # Servers other than Amazon's seldom have a host name for each bucket, nor the newest checksums.
        s3={"addressing_style": "path" if endpoint() else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with sentences("the storage"):
        return boto3.session.Session().client("s3", config=config)


def endpoint() -> str | None:
    """The server that the variables name, None for Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@contextlib.contextmanager
def sentences(what: str) -> Iterator[None]:
    """Within the block the library's errors become ours; `what` is the place that they name.

    Raises:
        FileNotFoundError: there is no such key.
        Conflict: a condition of the write does not hold.
        StorageError: anything else, in one sentence.
    """
    from boto3.exceptions import Boto3Error
    from botocore import exceptions

    server = _server()
    try:
        yield
    except exceptions.ClientError as error:
        raise _answered(what, server, error) from None
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        raise StorageError(
            f"there are no AWS credentials for {what}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise StorageError(
            f"S3 does not answer at {server} ({type(error).__name__}), wanted for {what}; check AWS_ENDPOINT_URL and the "
            "network"
        ) from None
    except (exceptions.BotoCoreError, Boto3Error, ValueError) as error:
        # Its text may quote a setting.
        raise StorageError(
            f"S3 cannot be used for {what} ({type(error).__name__}); check the AWS variables and files"
        ) from None


def _answered(what: str, server: str, error: Any) -> OSError:
    """What an answer of the server means."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in ("404", "NoSuchKey"):
        return FileNotFoundError(f"there is no {what}")
    if code == "NoSuchBucket":
        bucket = what.removeprefix("s3://").partition("/")[0]
        return StorageError(f"the bucket `{bucket}` does not exist at {server}; create it or correct --storage")
    if code in ("412", "PreconditionFailed"):
        return Conflict(f"{what} was written by somebody else meanwhile")
    if code in _DENIED:
        return StorageError(f"S3 denies access to {what} ({code}); check the AWS credentials and their permissions")
    return StorageError(f"S3 at {server} answers {code or 'with an error'} for {what}; try again later")


def _server() -> str:
    """The host that is asked, without what an address may hold of user and password."""
    given = endpoint()
    if given is None:
        return "amazonaws.com"
    with contextlib.suppress(ValueError):
        parts = urlsplit(given)
        if parts.hostname:
            return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return "the endpoint given"
