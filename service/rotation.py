"""The refresh rule as a pure state machine: (state, presented secret, now) -> (state, successor's secret or None).

Section 3 of the contract. `current` is the token that the client is known to hold, `pending` are successors handed out
and not yet seen, `previous` was replaced a moment ago. A successor is confirmed by being used, never by being sent:
an answer lost on the way costs nothing, and two holders of one token part ways at the first window that they do not
share, after which one of them presents a token that has died.

A successor's secret is HMAC-SHA-256(nonce, presented secret), so that the same presenter gets the same successor and
the stored state opens nothing. A secret of None is theft: the caller ends the session.

An honest client is never taken for a thief while its requests, from sending to answer, take less than ROTATION_GRACE
and less than half of ROTATION_WINDOW (proved by search in tests/test_rotation.py). Hence the window of a re-served
successor counts from when it was last served, not from its birth: parallel requests on both sides of the window's end
would otherwise get different successors, and the slower answer's would be dead on arrival.
"""

import hmac
from dataclasses import dataclass

from service import tokens
from service.entities import RefreshToken, RotationState

NONCE_BYTES = 16
PENDING_KEPT = 8  # clients that never store a new token grow one each window; an honest one holds one of the newest


@dataclass(frozen=True, slots=True)
class Rule:
    """ROTATION_WINDOW and ROTATION_GRACE, seconds."""

    window: float
    grace: float


def begin(secret: bytes, now: float) -> RotationState:
    """The state after a login that handed out `secret`."""
    return RotationState(current=RefreshToken(tokens.digest(secret), created_at=now, served_at=now))


def recognises(state: RotationState, secret: bytes) -> bool:
    """Whether the secret is one that a holder of this session may have now. Changes nothing."""
    digest = tokens.digest(secret)
    held = [state.current, *state.pending, *([state.previous] if state.previous else [])]
    return any([tokens.same(token.digest, digest) for token in held])  # noqa: C419 - a list: every one is compared


def refresh(
    state: RotationState, presented: bytes, *, now: float, nonce: bytes, rule: Rule
) -> tuple[RotationState, bytes | None]:
    """Apply the rule to one presented secret. `nonce` is 16 fresh random bytes, used if a successor is born."""
    digest = tokens.digest(presented)
    if tokens.same(state.current.digest, digest):
        return _succeed(state, presented, now, nonce, rule)
    for token in state.pending:
        if not tokens.same(token.digest, digest):
            continue
        if now - token.created_at < rule.window:
            return _serve(state, token, now), presented
        return _succeed(_confirm(state, token, now), presented, now, nonce, rule)
    if state.previous and tokens.same(state.previous.digest, digest) and now - state.previous_retired_at < rule.grace:
        return state, _successor(bytes.fromhex(state.current.nonce), presented)
    return state, None


def _succeed(
    state: RotationState, presented: bytes, now: float, nonce: bytes, rule: Rule
) -> tuple[RotationState, bytes]:
    newest = state.pending[-1] if state.pending else None
    if newest and now - newest.served_at < rule.window:
        return _serve(state, newest, now), _successor(bytes.fromhex(newest.nonce), presented)
    secret = _successor(nonce, presented)
    born = RefreshToken(tokens.digest(secret), created_at=now, served_at=now, nonce=nonce.hex())
    return state._replace(pending=(*state.pending, born)[-PENDING_KEPT:]), secret


def _confirm(state: RotationState, token: RefreshToken, now: float) -> RotationState:
    return RotationState(current=token, previous=state.current, previous_retired_at=now)


def _serve(state: RotationState, token: RefreshToken, now: float) -> RotationState:
    served = token._replace(served_at=max(now, token.served_at))
    return state._replace(pending=tuple(served if other is token else other for other in state.pending))


def _successor(nonce: bytes, presented: bytes) -> bytes:
    return hmac.digest(nonce, presented, "sha256")
