"""The OpenAPI description of who may look and act: operators and keys, for owners. Their kin: `admin_documents.py`."""

from sanic_ext.extensions.openapi.definitions import Parameter

from service.errors import InvalidRequest, NotFound
from service.roles import LINK_LIFE, NAME, Role
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import count, nothing, record, success, text

_NAME_OF = Parameter("name", str, "path", required=True, example="billing")
_LINK = "https://latch.internal/enrol#billing.made-up"
_ROLE = schemas.choice("Role", Role)
_NAME = text("billing", pattern=f"^{NAME.pattern}$")
_HOLDER = record(
    {
        "name": _NAME,
        "role": _ROLE,
        "created_at": schemas.TIME,
        "last_used_at": schemas.nullable("2026-01-31T12:00:00Z"),
    },
    title="Holder",
)
_ENTRY = schemas.json_body({"name": _NAME, "role": _ROLE}, title="NewHolder")
LIST_OPERATORS = told(
    "operators",
    "List operators",
    "By name. For owners.",
    success({"operators": schemas.listed(_HOLDER)}, "the operators", title="Operators"),
    operation="listOperators",
)
ADD_OPERATOR = told(
    "operators",
    "Add an operator",
    "With the link that a passkey is enrolled by, told this once; null while Redis is away. For owners.",
    success(
        {
            "name": _NAME,
            "role": _ROLE,
            "link": schemas.nullable(_LINK),
            "expires_in": count(LINK_LIFE, "seconds; 0 without a link"),
        },
        "added",
        status=201,
        title="NewOperator",
    ),
    (InvalidRequest,),
    body=_ENTRY,
    operation="addOperator",
)
LINK_OPERATOR = told(
    "operators",
    "Make a link for an operator",
    "To enrol a passkey by: good once, for ten minutes, and told this once. The one before is void. For owners.",
    success({"link": text(_LINK), "expires_in": count(LINK_LIFE, "seconds")}, "made", status=201, title="OperatorLink"),
    (NotFound,),
    path=(_NAME_OF,),
    operation="makeOperatorLink",
)
REMOVE_OPERATOR = told(
    "operators",
    "Remove an operator",
    "For owners.",
    nothing("removed"),
    (NotFound,),
    path=(_NAME_OF,),
    operation="removeOperator",
)
LIST_KEYS = told(
    "keys",
    "List keys",
    "By name, with their last use, to the minute; never the keys themselves. For owners.",
    success({"keys": schemas.listed(_HOLDER)}, "the keys", title="Keys"),
    operation="listKeys",
)
ADD_KEY = told(
    "keys",
    "Make a key",
    "It is told this once, and only its digest is kept. For owners.",
    success({"name": _NAME, "role": _ROLE, "key": text("latch_kT3v-made-up")}, "made", status=201, title="NewKey"),
    (InvalidRequest,),
    body=_ENTRY,
    operation="makeKey",
)
REMOVE_KEY = told(
    "keys",
    "Remove a key",
    "It opens nothing any more. For owners.",
    nothing("removed"),
    (NotFound,),
    path=(_NAME_OF,),
    operation="removeKey",
)
