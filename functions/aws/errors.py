"""Every error that a call to AWS can raise, and its name."""

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

# The SDK raises the last one, which is not a BotoCoreError, for an answer that it can't parse.
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)


def name_of(error: Exception) -> str:
    """Return AWS's error code, or the SDK's name of the error.

    The SDK's messages may contain a URL with an object key; names never do.
    """
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return type(error).__name__
