"""The refresh rule as a pure state machine: (state, presented secret, now) -> (state, successor's secret or None).

Section 3 of the contract. `current` is the token that the client is known to hold, `pending` are successors handed out
and not yet seen, `previous` was replaced a moment ago. A successor is confirmed by being used, never by being sent: an
answer lost on the way costs nothing, and of two holders of one token one soon presents a token that has died.

A successor's secret is made of HMAC-SHA-256(nonce, presented secret), so that the same presenter gets the same one and
the stored state opens nothing. The first `Seal` makes new ones; one that is served again is made with each in turn
until it is the one that is stored, and if none fits (the keys have changed), there is a new successor.

An honest client is never taken for a thief while its requests, from sending to answer, take less than ROTATION_GRACE
and less than half of ROTATION_WINDOW (proved by search in tests/test_rotation.py). Hence the window of a re-served
successor counts from when it was last served, not from its birth: parallel requests on both sides of the window's end
would otherwise get different successors, and the slower answer's would be dead on arrival.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from service import tokens
from service.entities import RefreshToken, RotationState

NONCE_BYTES = 16
PENDING_KEPT = 8  # clients that never store a new token grow one each window; an honest one holds one of the newest

Seal = Callable[[bytes], bytes]  # makes a secret of 32 bytes


def unsealed(derived: bytes) -> bytes:
    """As successors were made before tokens had tags."""
    return derived


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
    return any([tokens.equal(token.digest, digest) for token in held])  # noqa: C419 - a list: every one is compared


def refresh(
    state: RotationState,
    presented: bytes,
    *,
    now: float,
    nonce: bytes,
    rule: Rule,
    seals: Sequence[Seal] = (unsealed,),
) -> tuple[RotationState, bytes | None]:
    """Apply the rule to one presented secret. `nonce` is 16 fresh random bytes, used if a successor is born.

    Returns no secret where that presented is not, or no longer, one of the session's.
    """
    digest = tokens.digest(presented)
    succeed = partial(_succeed, presented=presented, now=now, nonce=nonce, rule=rule, seals=seals)
    if tokens.equal(state.current.digest, digest):
        return succeed(state)
    for token in state.pending:
        if not tokens.equal(token.digest, digest):
            continue
        if now - token.created_at < rule.window:
            return _serve(state, token, now), presented
        return succeed(RotationState(current=token, previous=state.current, previous_retired_at=now))
    if state.previous and tokens.equal(state.previous.digest, digest) and now - state.previous_retired_at < rule.grace:
        current = _remade(state.current, presented, seals)
        return (state, current) if current else succeed(state)
    return state, None


def _succeed(
    state: RotationState, *, presented: bytes, now: float, nonce: bytes, rule: Rule, seals: Sequence[Seal]
) -> tuple[RotationState, bytes]:
    newest = state.pending[-1] if state.pending else None
    if newest and now - newest.served_at < rule.window and (secret := _remade(newest, presented, seals)):
        return _serve(state, newest, now), secret
    secret = seals[0](_derived(nonce, presented))
    born = RefreshToken(tokens.digest(secret), created_at=now, served_at=now, nonce=nonce.hex())
    return state._replace(pending=(*state.pending, born)[-PENDING_KEPT:]), secret


def _remade(token: RefreshToken, presented: bytes, seals: Sequence[Seal]) -> bytes | None:
    """The secret of a token that was made for this presenter, where one of the seals made it."""
    derived = _derived(bytes.fromhex(token.nonce), presented)
    return next((secret for seal in seals if tokens.equal(tokens.digest(secret := seal(derived)), token.digest)), None)


def _serve(state: RotationState, token: RefreshToken, now: float) -> RotationState:
    served = token._replace(served_at=max(now, token.served_at))
    return state._replace(pending=tuple(served if other is token else other for other in state.pending))


def _derived(nonce: bytes, presented: bytes) -> bytes:
    return hmac.digest(nonce, presented, "sha256")
