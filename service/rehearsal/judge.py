"""Judges a client by what passed on the wire. Pure.

What it must not do is in `docs/rehearsal.md`. In doubt it is for the client: what could have been on its way when the
client heard of something is not held against it, and neither are refreshes side by side.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from math import inf
from typing import NamedTuple

from service.rehearsal.wire import ENDINGS, Exchange, Kind, Record

UNAUTHORIZED = 401
SPARE = 2
SLOW = 0.3  # seconds; clients in a rehearsal wait for little more
REUSED = "reused"
OVER = {"session_ended", "invalid_refresh_token", "invalid_token", "user_disabled"}


class Fault(StrEnum):
    """What a client can do wrong."""

    LOST = "lost"
    DEAD = "dead"
    LOOP = "loop"
    UNFINISHED = "unfinished"


class Finding(NamedTuple):
    """A fault, in words."""

    fault: Fault
    text: str


class Sessions:
    """When those of a run were held by the client, and when they ended."""

    def __init__(self, record: Record) -> None:
        self.ended = {one.session: one.at for one in reversed(record.happenings) if one.deed in ENDINGS}
        self._held: dict[str, float] = {}
        self._ids: dict[str, set[str]] = defaultdict(set)
        for exchange in record.exchanges:
            if exchange.got_tokens:
                self._held[exchange.opened] = min(self._held.get(exchange.opened, inf), exchange.told_at)
            if exchange.kind is Kind.LOGIN and exchange.opened and exchange.own_id:
                self._ids[exchange.opened].add(exchange.own_id)

    def live(self, at: float, own_id: str = "") -> set[str]:
        """Those that the client holds at this moment, and that live; but those that this very login has opened."""
        held = {session for session, since in self._held.items() if since < at < self.ended.get(session, inf)}
        return {session for session in held if own_id not in self._ids[session]}


def judge(record: Record) -> list[Finding]:
    """What the client has done wrong; nothing where it has kept the rules."""
    return [*_lost(record), *_dead(record), *_loops(record), *_unfinished(record)]


def _lost(record: Record) -> Iterator[Finding]:
    """A session that lived, and that the client gave up, or had ended by the theft rule."""
    sessions = Sessions(record)
    for exchange in record.exchanges:
        if text := _loss(exchange, sessions):
            yield Finding(Fault.LOST, f"{exchange.at:.3f} s: {text}")
            gone = sessions.live(exchange.at) if exchange.kind in {Kind.LOGIN, Kind.WORK} else {exchange.session}
            sessions.ended |= dict.fromkeys(gone, exchange.at)
    yield from _logins_not_repeated(record)


def _loss(exchange: Exchange, sessions: Sessions) -> str:
    live = sessions.live(exchange.at, exchange.own_id if exchange.kind is Kind.LOGIN else "")
    if exchange.latch.reason == REUSED and exchange.session not in sessions.ended:
        return "it used a refresh token that it had replaced long ago, which ends the session as stolen"
    if exchange.kind is Kind.LOGIN and live:
        return "it logged in again though its session lived"
    if exchange.kind is Kind.LOG_OUT and exchange.session in live:
        return "it logged out though nobody asked for that"
    if exchange.kind is Kind.WORK and not exchange.token and live:
        return "it sent a request without a token though its session lived"
    return ""


def _logins_not_repeated(record: Record) -> Iterator[Finding]:
    """A code is good once: whoever does not hear the answer gets the same tokens by the same X-Request-ID alone."""
    logins = [exchange for exchange in record.exchanges if exchange.kind is Kind.LOGIN]
    for exchange, following in pairwise(logins):
        is_unheard = exchange.opened and not exchange.told.status and exchange.told_at < following.at
        if is_unheard and (not exchange.own_id or following.own_id != exchange.own_id):
            text = "after a lost answer it logged in anew, not with the same X-Request-ID: its code was spent"
            yield Finding(Fault.LOST, f"{following.at:.3f} s: {text}")


def _dead(record: Record) -> Iterator[Finding]:
    """Tokens that were used on after the client had heard that they are dead."""
    spare = 2 * record.at_once + SPARE
    after_end = _uses_after_the_end(record)
    if after_end > spare:
        yield Finding(Fault.DEAD, f"it sent {after_end} requests with tokens of sessions of whose end it had heard")
    stubborn = _refusals_without_refresh(record)
    if stubborn > spare:
        yield Finding(Fault.DEAD, f"it was refused {stubborn} times more with one access token, and did not refresh")


def _uses_after_the_end(record: Record) -> int:
    told: dict[str, float] = {}
    for exchange in record.exchanges:
        is_told = exchange.kind is Kind.REFRESH and exchange.is_latchs and exchange.told.error in OVER
        if is_told and exchange.session:
            told[exchange.session] = min(told.get(exchange.session, inf), exchange.told_at)
    uses = Counter(
        exchange.session
        for exchange in record.exchanges
        if exchange.kind is not Kind.LOG_OUT and exchange.at > told.get(exchange.session, inf)
    )
    return max(uses.values(), default=0)


def _refusals_without_refresh(record: Record) -> int:
    """The most that a client has heard between two refreshes, with one access token that was refused before.

    Uses that were answered otherwise are not among them: a second refusal belongs to the caller, and until the next one
    nothing asks for a refresh.
    """
    refused: dict[str, float] = {}
    heard: Counter[str] = Counter()
    most = 0
    for exchange in record.exchanges:
        if exchange.kind is Kind.REFRESH:
            heard.clear()
        if exchange.kind is not Kind.WORK or not exchange.session or exchange.told.status != UNAUTHORIZED:
            continue
        if exchange.at > refused.get(exchange.token, inf):
            heard[exchange.token] += 1
            most = max(most, heard[exchange.token])
        if exchange.is_latchs:
            refused.setdefault(exchange.token, exchange.told_at)
    return most


def _loops(record: Record) -> Iterator[Finding]:
    """More refreshes or logins than anything explains."""
    refreshes = [exchange for exchange in record.exchanges if exchange.kind is Kind.REFRESH]
    works = [exchange for exchange in record.exchanges if exchange.kind is Kind.WORK]
    got = sum(exchange.got_tokens for exchange in refreshes)
    refused = sum(exchange.told.status == UNAUTHORIZED for exchange in works)
    spare = record.at_once * (2 if record.clock_jumps else 1) + SPARE
    wanted = record.rounds * record.at_once or len(works) // 2 + 1
    explained = refused + sum(map(_may_be_repeated, refreshes)) + spare
    if len(refreshes) > explained or got > wanted + spare:
        yield Finding(
            Fault.LOOP, f"it refreshed {len(refreshes)} times, and at most {min(explained, wanted + spare)} were due"
        )
    logins = [exchange for exchange in record.exchanges if exchange.kind is Kind.LOGIN]
    failed = sum(map(_may_be_repeated, logins))
    endings = sum(one.deed in ENDINGS for one in record.happenings)
    due = 1 + failed + endings * record.at_once
    if len(logins) > due:
        yield Finding(Fault.LOOP, f"it logged in {len(logins)} times, and at most {due} were due")
    if record.overflowed:
        yield Finding(Fault.LOOP, "it sent so many requests that the rest was not looked at")


def _may_be_repeated(exchange: Exchange) -> bool:
    """Whether it has failed, or was so slow that the client may have given up just before it heard."""
    return not exchange.got_tokens or exchange.told_at - exchange.at > SLOW


def _unfinished(record: Record) -> Iterator[Finding]:
    works = sum(exchange.kind is Kind.WORK for exchange in record.exchanges)
    if not record.is_done:
        yield Finding(Fault.UNFINISHED, "it did not say that it was done")
    elif 2 * works < (asked := record.rounds * record.at_once):
        yield Finding(Fault.UNFINISHED, f"it sent {works} requests to the backend, of {asked} that it was asked for")
