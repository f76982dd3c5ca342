"""What can go wrong, in the service's own words, which `http/errors.py` translates. It gives statuses and headers, too.

ServiceError
├── InvalidRequest        invalid_request
├── InvalidCode           invalid_code
├── InvalidToken          invalid_token
├── InvalidKey            invalid_token, of an operator
├── NotLoggedIn           not_logged_in, of an operator
├── LoginFailed           login_failed, of an operator
├── InvalidClient         invalid_client
├── InvalidRefreshToken   invalid_refresh_token
├── SessionEnded          session_ended, with a reason
├── UserDisabled          user_disabled
├── Forbidden             forbidden
├── MobileTaken           mobile_taken
├── CaptchaRequired       captcha_required
├── NotFound              not_found
├── UnsupportedMediaType  unsupported_media_type
├── TooManyRequests       too_many_requests, with the seconds to wait
├── SmsUnavailable        sms_unavailable
└── ServiceUnavailable    service_unavailable
"""

from collections.abc import Mapping

from service.languages import N_


class ServiceError(Exception):
    """A failure with a stable `code` and a sentence that any caller may read: no key, token or driver text in it."""

    code = "internal_error"
    message = N_("Something went wrong on our side.")

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message


class InvalidRequest(ServiceError):
    """The input is not what the route takes. `fields` names every bad field at once."""

    code = "invalid_request"
    message = N_("The request is not valid.")

    def __init__(self, fields: Mapping[str, str] | None = None, message: str | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class InvalidCode(ServiceError):
    """Wrong, expired, used, or never sent: one and the same answer, so that it tells a guesser nothing."""

    code = "invalid_code"
    message = N_("The code is wrong or has expired.")


class InvalidToken(ServiceError):
    """The access token is missing, malformed, unknown, expired or revoked. `sent` is false where there was none."""

    code = "invalid_token"
    message = N_("The access token is missing or not valid.")

    def __init__(self, *, sent: bool = True) -> None:
        super().__init__()
        self.sent = sent


class InvalidKey(InvalidToken):
    """As `InvalidToken`, for an API key of the private listener."""

    message = N_("The API key is missing or not valid.")


class NotLoggedIn(ServiceError):
    """No live session of an operator stands behind what a browser has sent, if it has sent anything."""

    code = "not_logged_in"
    message = N_("Please log in to the console.")


class LoginFailed(ServiceError):
    """An operator's link or passkey is not good: one and the same answer, so that it tells a guesser nothing."""

    code = "login_failed"
    message = N_("That did not work. Please try again, or ask for a new link.")


class InvalidClient(ServiceError):
    """The service key is missing or wrong (RFC 6749 section 5.2). `scheme`: that by which one was sent, if any."""

    code = "invalid_client"
    message = N_("The service key is missing or not valid.")

    def __init__(self, scheme: str = "") -> None:
        super().__init__()
        self.scheme = scheme


class InvalidRefreshToken(ServiceError):
    """As `InvalidToken`, for a refresh."""

    code = "invalid_refresh_token"
    message = N_("The refresh token is missing or not valid. Please log in again.")


class SessionEnded(ServiceError):
    """The token was good once, and its session was ended on purpose; `just_now` where that very token did it.

    `refreshing`: a refresh was asked for.
    """

    code = "session_ended"
    message = N_("This session has ended. Please log in again.")

    def __init__(self, reason: str, *, just_now: bool = False, refreshing: bool = False) -> None:
        super().__init__()
        self.reason = reason
        self.refreshing = refreshing
        self.just_now = just_now


class UserDisabled(ServiceError):
    """The account may not log in."""

    code = "user_disabled"
    message = N_("This account is disabled.")


class Forbidden(ServiceError):
    """Whoever asks may not have this done."""

    code = "forbidden"
    message = N_("This is not allowed from here.")


class MobileTaken(ServiceError):
    """Another user has the number."""

    code = "mobile_taken"
    message = N_("This number belongs to another account.")


class CaptchaRequired(ServiceError):
    """A code is asked for without a solved captcha, where one is needed."""

    code = "captcha_required"
    message = N_("Please solve the captcha first.")


class NotFound(ServiceError):
    """There is no such thing, or it is not the caller's."""

    code = "not_found"
    message = N_("There is nothing at this address.")


class UnsupportedMediaType(ServiceError):
    """The body is of a type that the route does not take, or `is_encoded`: compressed, for example."""

    code = "unsupported_media_type"
    message = N_("The body should be JSON, with Content-Type: application/json.")

    def __init__(self, message: str | None = None, *, is_encoded: bool = False) -> None:
        super().__init__(message)
        self.is_encoded = is_encoded


class TooManyRequests(ServiceError):
    """Refused for now; `retry_after` is in whole seconds, rounded up."""

    code = "too_many_requests"
    message = N_("Too many requests. Please wait and try again.")

    def __init__(self, retry_after: int, message: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SmsUnavailable(ServiceError):
    """The SMS provider refused or timed out. `reason` is for the log: an error code, never a number or a key.

    `definite`: the provider has said no. Otherwise nobody knows, and the message may arrive all the same.
    """

    code = "sms_unavailable"
    message = N_("The message could not be sent. Please try again.")

    def __init__(self, reason: str = "", *, definite: bool = True) -> None:
        super().__init__()
        self.reason = reason
        self.definite = definite


class ServiceUnavailable(ServiceError):
    """A store, or the captcha's provider, cannot be reached. Never a log-out: apps delete their tokens on that."""

    code = "service_unavailable"
    message = N_("The service is temporarily unavailable. Please try again.")
    retry_after = 1
