"""The OpenAPI description of who may look and act: operators and keys, for owners. Their kin: `admin_documents.py`."""

from sanic_ext.extensions.openapi.definitions import Parameter

from service.errors import InvalidRequest, NotFound
from service.roles import NAME, Role
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import nothing, record, success, text

_NAME_OF = Parameter("name", str, "path", required=True, example="billing")
_ROLE = {"type": "string", "enum": [role.value for role in Role]}
_NAME = text("billing", pattern=f"^{NAME.pattern}$")
_HOLDER = record({"name": _NAME, "role": _ROLE, "created_at": schemas.TIME, "last_used_at": schemas.nullable("time")})
_ENTRY = schemas.json_body({"name": _NAME, "role": _ROLE})
LIST_OPERATORS = told(
    "operators",
    "List operators",
    "By name. For owners.",
    success({"operators": {"type": "array", "items": _HOLDER}}, "the operators"),
)
ADD_OPERATOR = told(
    "operators",
    "Add an operator",
    "For owners.",
    success({"name": _NAME, "role": _ROLE}, "added", status=201),
    (InvalidRequest,),
    body=_ENTRY,
)
REMOVE_OPERATOR = told(
    "operators", "Remove an operator", "For owners.", nothing("removed"), (NotFound,), path=(_NAME_OF,)
)
LIST_KEYS = told(
    "keys",
    "List keys",
    "By name, with their last use, to the minute; never the keys themselves. For owners.",
    success({"keys": {"type": "array", "items": _HOLDER}}, "the keys"),
)
ADD_KEY = told(
    "keys",
    "Make a key",
    "It is told this once, and only its digest is kept. For owners.",
    success({"name": _NAME, "role": _ROLE, "key": text("latch_kT3v-made-up")}, "made", status=201),
    (InvalidRequest,),
    body=_ENTRY,
)
REMOVE_KEY = told(
    "keys", "Remove a key", "It opens nothing any more. For owners.", nothing("removed"), (NotFound,), path=(_NAME_OF,)
)
