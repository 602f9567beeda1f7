"""Every way in which a call to AWS can fail, and its name."""

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

# The SDK raises the last one, which is no BotoCoreError, for an answer that no parser understands.
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)


def name_of(error: Exception) -> str:
    """Return AWS's error code, or the SDK's name of the error.

    The SDK's messages may hold an address, and with it an object key; names never do.
    """
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return type(error).__name__
