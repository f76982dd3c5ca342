"""What becomes of messages and codes, as the routes and the commands tell it."""

from typing import Any

from service.activity import Moment, SenderState
from service.conversion_rule import Judgement
from service.http.responses import timestamp
from service.message_counts import CodeCounts, Tries
from service.pictures import CodeFigures, CodePicture, MessagePicture, SenderFigures

WORKS = {True: "ok", False: "failing", None: "unknown"}
OPEN, CLOSED, OFF = "open", "closed", "off"  # what the guard is for a prefix
CAPTCHA, REFUSED = "captcha", "refused"  # what becomes of strangers where it is closed


def described(picture: MessagePicture) -> dict[str, Any]:
    """`{senders, guard, overall, prefixes, others}`."""
    return {"senders": [_sender(one) for one in picture.senders], **codes_described(picture.codes)}


def codes_described(picture: CodePicture) -> dict[str, Any]:
    """`{guard, overall, prefixes, others}`."""
    rule = picture.rule
    closed = CAPTCHA if picture.asks_captcha else REFUSED
    is_on = bool(rule.least)
    return {
        "guard": {"on": is_on, "min_conversion": rule.least, "min_sent": rule.min_sent, "strangers": closed},
        "overall": _codes(picture.overall, is_on=is_on),
        "prefixes": [
            {"prefix": prefix, **_codes(figures, is_on=is_on)} for prefix, figures in picture.prefixes.items()
        ],
        "others": _codes(picture.others, is_on=is_on),
    }


def sender_described(sender: SenderState) -> dict[str, Any]:
    """`{name, state, last_sent_at, last_failed_at, last_failure}`."""
    return {
        "name": sender.name,
        "state": WORKS[sender.works],
        "last_sent_at": _at(sender.last_sent),
        "last_failed_at": _at(sender.last_failed),
        "last_failure": sender.last_failed and sender.last_failed.word,
    }


def _sender(figures: SenderFigures) -> dict[str, Any]:
    spans = {"last_hour": _tries(figures.last_hour), "last_day": _tries(figures.last_day)}
    return {**sender_described(figures.state), **spans}


def _tries(tries: Tries) -> dict[str, Any]:
    return {
        "asked": tries.asked,
        "sent": tries.sent,
        "failed": tries.failed,
        "refused": tries.refused,
        "seconds": {"median": tries.within(0.5), "p95": tries.within(0.95)},
    }


def _codes(figures: CodeFigures, *, is_on: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"last_hour": _counts(figures.last_hour), "last_day": _counts(figures.last_day)}
    return {**told, "guard": _judgement(figures.guard, is_on=is_on)} if figures.guard else told


def _counts(counts: CodeCounts) -> dict[str, Any]:
    return {**counts._asdict(), "conversion": _part(counts.used, counts.sent)}


def _judgement(judgement: Judgement, *, is_on: bool) -> dict[str, Any]:
    sent, used = judgement.conversion.sent, judgement.conversion.used
    return {
        "state": (CLOSED if judgement.held_by else OPEN) if is_on else OFF,
        "held_by": judgement.held_by,
        "until": None if judgement.until is None else timestamp(judgement.until),
        "sent": sent,
        "used": used,
        "conversion": _part(used, sent),
    }


def _part(used: int, sent: int) -> float | None:
    return round(used / sent, 3) if sent else None


def _at(moment: Moment | None) -> str | None:
    return timestamp(moment.at) if moment else None
