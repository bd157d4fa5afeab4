"""What a refused request said."""

from botocore.exceptions import ClientError


def refusal(call, *arguments, **parameters):
    """Calls, and returns status and code of the error that must come."""
    try:
        answer = call(*arguments, **parameters)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    raise AssertionError(f"it was not refused: {answer}")
