"""The OpenAPI description of what becomes of messages and codes. Its kin: `admin_documents.py`."""

from service.conversion_rule import HeldBy
from service.http.messages import CAPTCHA, CLOSED, OFF, OPEN, REFUSED, WORKS
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import Schema, count, record, success


def _amount(example: float, description: str) -> Schema:
    return {"type": "number", "nullable": True, "example": example, "description": description}


_PART = _amount(0.82, "used divided by sent; null where none was sent")
_CODES = record(
    {
        "asked": count(60, "requests for a code, also those that were refused"),
        "sent": count(54, "also those that a sender may have sent"),
        "used": count(44),
        "conversion": _PART,
    },
    title="CodeFigures",
)
_GUARD = record(
    {
        "state": schemas.choice("GuardState", [OPEN, CLOSED, OFF]),
        "held_by": {
            **schemas.nullable(HeldBy.PREFIX),
            "pattern": f"^({'|'.join(HeldBy)})$",  # as an enum with null, generators make four types of it
            "description": "whose codes are hardly used: this prefix's, or those of all numbers; null: neither",
        },
        "until": {
            **schemas.nullable("2026-01-31T12:41:00Z"),
            "description": "when it opens, if no code is sent or used before",
        },
        "sent": count(54, "within the last sixty minutes, as the guard counts them"),
        "used": count(44),
        "conversion": _PART,
    },
    title="Guard",
)
_SPANS = {"last_hour": _CODES, "last_day": _CODES}
CODES = {
    "guard": record(
        {
            "on": {"type": "boolean"},
            "min_conversion": {"type": "number", "example": 0.2, "description": "SMS_MIN_CONVERSION"},
            "min_sent": count(100, "SMS_CONVERSION_MIN_SENT"),
            "strangers": {
                **schemas.choice("Strangers", [CAPTCHA, REFUSED]),
                "description": "what becomes of numbers without an account where it is closed; "
                "with a captcha everybody is asked for one",
            },
        },
        title="GuardSettings",
    ),
    "overall": record({**_SPANS, "guard": _GUARD}, title="OverallCodes"),
    "prefixes": {
        "type": "array",
        "items": record({"prefix": schemas.text("1700000"), **_SPANS, "guard": _GUARD}, title="PrefixCodes"),
    },
    "others": record(_SPANS, title="OtherCodes"),
}
SENDER = {
    "name": schemas.text("aliyun"),
    "state": {**schemas.choice("SenderState", WORKS.values()), "description": "what became of its last message"},
    "last_sent_at": schemas.nullable("2026-01-31T12:00:00Z"),
    "last_failed_at": schemas.nullable("2026-01-31T11:40:00Z"),
    "last_failure": schemas.nullable("isv.BUSINESS_LIMIT_CONTROL"),
}
_TRIES = record(
    {
        "asked": count(55),
        "sent": count(54, "messages taken"),
        "failed": count(1, "messages not taken"),
        "refused": count(0, "messages refused because their number gets too many"),
        "seconds": record(
            {
                "median": _amount(0.3, "half of the tries took no longer, rounded up to the next of some steps"),
                "p95": _amount(1.5, "nineteen of twenty took no longer"),
            },
            title="Seconds",
        ),
    },
    title="Tries",
)
MESSAGES = told(
    "messages",
    "What becomes of messages and codes",
    "`senders`: those of SMS_SENDER, each try counted. `overall`, `prefixes`, `others`: codes by the first 7 digits "
    "of their number. Of `prefixes` the fifty with most codes unused, those that the guard holds back first; what was "
    "asked for fewer than ten times in a day is among the others, or else these digits would complete a masked number. "
    "The hour of codes begins with whole ten minutes, the days with a whole hour. Workers add what they see every 5 s.",
    success(
        {
            "senders": {
                "type": "array",
                "items": record({**SENDER, "last_hour": _TRIES, "last_day": _TRIES}, title="Sender"),
            },
            **CODES,
        },
        "what becomes of them",
        title="Messages",
    ),
    operation="getMessages",
)
