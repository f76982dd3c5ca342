"""The OpenAPI description of the change of a person's number by an operator. Read by sanic-ext."""

from service.errors import InvalidRequest, MobileTaken, NotFound
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import USER, USER_ID, told
from service.routes.openapi.schemas import success

CHANGE_NUMBER = told(
    "people",
    "Change a person's number",
    "Without codes: for whoever has lost the present one. Ends every session, forgets the codes of both numbers, and "
    "tells the old number by SMS; where that was done `told` is true. A name that was the number follows it. A number "
    "that another user has is `mobile_taken`; with `take` it is taken from there: that user's sessions end too, and "
    "the user has no number then, and logs in no more before being given one. The number that the person has already "
    "changes nothing.",
    success({**USER, "told": {"type": "boolean"}}, "the user", title="ChangedPerson"),
    (InvalidRequest, NotFound, MobileTaken),
    path=(USER_ID,),
    body=schemas.json_body(
        {"mobile": schemas.TYPED_MOBILE, "take": {"type": "boolean", "default": False}},
        optional=("take",),
        title="NewNumber",
    ),
    reason_due=True,
    operation="changeNumber",
)
