"""The OpenAPI description of what people do with their own account. Read by sanic-ext, shown at `/docs`."""

from service import errors, names
from service.routes.openapi import schemas
from service.routes.openapi.operations import operation
from service.routes.openapi.schemas import NOT_JSON, TOO_LARGE, nothing, success

_USER = success(schemas.USER, "the user", title="User")
_REFUSED = (TOO_LARGE, NOT_JSON)
_AUTHENTICATED = (errors.InvalidRequest, errors.InvalidToken, errors.SessionEnded, errors.ServiceUnavailable)
_BY_CODE = (errors.InvalidCode, errors.TooManyRequests, *_AUTHENTICATED)

RENAME = operation(
    "users",
    "Change my name",
    "Spaces around it are dropped; control characters, those of writing direction among them, are refused.",
    _USER,
    _AUTHENTICATED,
    refused=_REFUSED,
    body=schemas.json_body({"name": schemas.text("Ada", minLength=1, maxLength=names.LONGEST)}, title="NewName"),
    secured=schemas.ACCESS,
    operation="renameUser",
)
CHANGE_MOBILE = operation(
    "users",
    "Change my number",
    "Both codes have the purpose `change`: `code` was sent to the new number, `current_code` to the present one. Other "
    "devices are logged out. A name that was the number follows it. `mobile_taken` is told only after both codes were "
    "right, and then leaves them good.",
    _USER,
    (*_BY_CODE, errors.MobileTaken),
    refused=_REFUSED,
    body=schemas.json_body(
        {"mobile": schemas.TYPED_MOBILE, "code": schemas.CODE, "current_code": schemas.CODE},
        title="NewMobile",
    ),
    secured=schemas.ACCESS,
    operation="changeMobile",
)
ERASE = operation(
    "users",
    "Erase my account",
    "The code was sent to the user's own number, with the purpose `erase`. Ends every session and forgets the user; a "
    "later login with the number is a new user's.",
    nothing("erased"),
    _BY_CODE,
    refused=_REFUSED,
    body=schemas.json_body({"code": schemas.CODE}, title="Erasure"),
    secured=schemas.ACCESS,
    operation="eraseUser",
)
ERASE_BY_POST = {
    **ERASE,
    "operation": "eraseUserByPost",
    "summary": "Erase my account (for clients that drop the body of a DELETE)",
}
