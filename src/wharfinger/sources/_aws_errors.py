"""What boto3 raises, told in words that hold nothing of what Amazon said."""

from __future__ import annotations

from typing import Final

from wharfinger.sources.source import SourceError

__all__ = ["explained"]

_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429
_PASSING: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "InternalFailure",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServerException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CREDENTIALS: Final = "give this process AWS credentials that are valid"
_CLOCK: Final = "check the secret access key, and the clock of this machine"
_REPAIRS: Final = {
    "AuthFailure": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidSignatureException": _CLOCK,
    "MissingAuthenticationToken": _CREDENTIALS,
    "MissingAuthenticationTokenException": _CREDENTIALS,
    "OptInRequired": "enable the region for the account",
    "RegionDisabledException": "enable the region for the account",
    "RequestExpired": _CLOCK,
    "SignatureDoesNotMatch": _CLOCK,
    "UnrecognizedClientException": _CREDENTIALS,
}
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
# What is allowed where it is denied, by the operation.
_PERMISSIONS: Final = {
    "AssumeRole": "allow it sts:AssumeRole of the role, and let the role trust it",
    "GetAuthorizationToken": "allow it ecr:GetAuthorizationToken on every resource",
}
_PUBLIC_PERMISSION: Final = (
    "allow it ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken"
)


def explained(error: Exception, what: str, *, public: bool) -> SourceError:
    """Tell what boto3 raised.

    Args:
        error: What it raised; its message may quote what was sent and what came back.
        what: What was to be made.
        public: Whether it was asked for a token of the public registry.

    Returns:
        The error to raise instead. It is passing where Amazon was slow, busy or not to be reached.
    """
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _refused(error, what, public=public)
    if isinstance(error, exceptions.ProfileNotFound):
        problem = "AWS's configuration has no such profile; add it, or name another"
    elif isinstance(error, exceptions.SSLError):
        problem = (
            "Amazon's certificate was not verified; set AWS_CA_BUNDLE if a proxy has one of its own"
        )
    elif isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return SourceError(f"{what}: Amazon could not be reached, or took too long", passing=True)
    elif isinstance(error, exceptions.MetadataRetrievalError | exceptions.CredentialRetrievalError):
        return SourceError(
            f"{what}: where AWS credentials come from gave none; see whether it works alone",
            passing=True,
        )
    elif isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        problem = "there are no AWS credentials, or half of them; " + _CREDENTIALS
    elif isinstance(
        error, exceptions.SSOError | exceptions.TokenRetrievalError | exceptions.LoginError
    ):
        problem = "the AWS login has expired; run `aws sso login` or `aws login` again"
    else:
        problem = f"boto3 raised {type(error).__name__}, and what it says is not repeated here"
    return SourceError(f"{what}: {problem}")


def _refused(error: Exception, what: str, *, public: bool) -> SourceError:
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    operation = getattr(error, "operation_name", "")
    if operation not in _PERMISSIONS:
        operation = "a call"
    if code in _PASSING or status == _TOO_MANY or status >= _SERVER_ERROR:
        return SourceError(
            f"{what}: Amazon put {operation} off; it is busy or failing", passing=True
        )
    if code in _DENIED:
        is_public_token = public and operation == "GetAuthorizationToken"
        repair = _PUBLIC_PERMISSION if is_public_token else _PERMISSIONS.get(operation, "allow it")
        return SourceError(f"{what}: Amazon denies {operation} to this identity; {repair}")
    if code in _REPAIRS:
        return SourceError(f"{what}: Amazon refused {operation} ({code}); {_REPAIRS[code]}")
    # A code that nobody knows may hold anything.
    return SourceError(
        f"{what}: Amazon refused {operation} with HTTP status {int(status)}; "
        "see whether `aws ecr get-login-password` works with the same profile and region"
    )
