"""Use case: say what becomes of messages and codes, by sender and by prefix, and what the conversion guard does."""

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from config import Settings
from service.activity import SMS, Minute, Moment, SenderState
from service.conversion import GUARDED, MINUTE, rule_of
from service.conversion_rule import Judgement
from service.entities import Clock
from service.message_counts import SMS_SECONDS, STEPS, CodeCounts, CodeTable, Tries, total
from service.pictures import CodeFigures, CodePicture, MessagePicture, SenderFigures
from service.runtime.background import settled
from service.senders.failover import FAILED, REFUSED, SENT
from service.stores.activity import ActivityStore
from service.stores.budgets import ALL
from service.stores.conversions import ConversionStore
from service.stores.message_figures import MessageFigureStore
from settings.fields import OFF

WORST = 50  # prefixes that are told one by one
# Codes asked for within a day before a prefix is told by itself: with fewer, its digits and the masked number of an
# event at the same time would tell the whole number.
LEAST = 10
FRESH = 5.0  # seconds for which the tables of codes are kept: workers write no more often


class _Tables(NamedTuple):
    """The tables of codes as they were read, what they add up to, and their worst prefixes, WORST at most."""

    at: float
    hour: CodeTable
    day: CodeTable
    whole: tuple[CodeCounts, CodeCounts]
    worst: Sequence[str]


class MessageFigures:
    """Figures of this installation. Raises ServiceUnavailable: all of them are in Redis."""

    def __init__(
        self,
        settings: Settings,
        activity: ActivityStore,
        store: MessageFigureStore,
        conversions: ConversionStore,
        clock: Clock,
    ) -> None:
        self._names = settings.sms_sender
        self._rule = rule_of(settings)
        self._asks_captcha = settings.captcha != OFF and settings.captcha_when == GUARDED
        self._activity = activity
        self._store = store
        self._conversions = conversions
        self._clock = clock
        self._tables: _Tables | None = None

    async def look(self) -> MessagePicture:
        """What becomes of messages and codes."""
        now = self._clock()
        minutes, last, day, codes = await settled(
            self._activity.minutes(now), self._activity.last(), self._store.messages(now), self.codes()
        )
        hour: Counter[str] = Counter()
        for minute in minutes:
            hour.update(minute.counts)
        states = sender_states(self._names, minutes, last)
        senders = [SenderFigures(one, _tries(one.name, hour), _tries(one.name, day)) for one in states]
        return MessagePicture(senders, codes)

    async def codes(self, most: int = WORST) -> CodePicture:
        """Codes by prefix, the worst first, at most so many, of WORST."""
        now = self._clock()
        _, hour, day, whole_of, worst = await self._read(now)
        prefixes = worst[:most]
        overall, *own = await settled(*(self._conversions.minutes(which) for which in (ALL, *prefixes)))
        minute = math.floor(now / MINUTE)
        judged = {
            prefix: self._rule.judge(minutes, overall, minute) for prefix, minutes in zip(prefixes, own, strict=True)
        }
        told = {prefix: _figures(prefix, hour, day, judged[prefix]) for prefix in _held_first(judged)}
        whole = CodeFigures(*whole_of, self._rule.judge_all(overall, minute))
        return CodePicture(self._rule, self._asks_captcha, whole, told, _without(whole, told))

    async def _read(self, now: float) -> _Tables:
        """The tables, no older than FRESH. There may be thousands of prefixes, and screens ask again and again."""
        kept = self._tables
        if kept is None or not 0 <= now - kept.at < FRESH:
            hour, day = await settled(self._store.codes_of_hour(now), self._store.codes_of_day(now))
            kept = self._tables = _Tables(now, hour, day, (hour.total, day.total), _worst(hour, day))
        return kept


def sender_states(names: Sequence[str], minutes: Sequence[Minute], last: Mapping[str, Moment]) -> Iterator[SenderState]:
    """Of each sender what became of its messages in these minutes, and its last success and failure."""
    sums: Counter[str] = Counter()
    for minute in minutes:
        sums.update(minute.below(SMS))
    for name in names:
        sent, failed = (last.get(f"{SMS}{name}:{outcome}") for outcome in (SENT, FAILED))
        works = None if sent is failed is None else failed is None or (sent is not None and sent.at >= failed.at)
        counts = {outcome: sums[f"{name}:{outcome}"] for outcome in (SENT, FAILED, REFUSED)}
        yield SenderState(name, works, **counts, last_sent=sent, last_failed=failed)


def _tries(name: str, counts: Mapping[str, int]) -> Tries:
    sent, failed, refused = (counts.get(f"{SMS}{name}:{outcome}", 0) for outcome in (SENT, FAILED, REFUSED))
    by_step = {step: counts.get(f"{SMS_SECONDS}{name}:{step:g}", 0) for step in STEPS}
    return Tries(sent, failed, refused, {step: times for step, times in by_step.items() if times})


def _worst(hour: CodeTable, day: CodeTable) -> list[str]:
    """The prefixes with the most codes that were not used; of those that are alike the most asked for.

    Those of the hour come first, so the many others of the day are looked at only where these are few.
    """
    nothing = CodeCounts()

    def badness(prefix: str) -> tuple[int, int, int, int]:
        of_hour, of_day = (table.prefixes.get(prefix, nothing) for table in (hour, day))
        return of_hour.unused, of_hour.asked, of_day.unused, of_day.asked

    often = [prefix for prefix in hour.prefixes if day.prefixes.get(prefix, nothing).asked >= LEAST]
    worst = heapq.nlargest(WORST, often, key=badness)
    if len(worst) == WORST:
        return worst
    others = [
        prefix for prefix, of_day in day.prefixes.items() if of_day.asked >= LEAST and prefix not in hour.prefixes
    ]
    return worst + heapq.nlargest(WORST - len(worst), others, key=badness)


def _held_first(judged: Mapping[str, Judgement]) -> list[str]:
    """In their order, but for those that the guard holds back."""
    return sorted(judged, key=lambda prefix: judged[prefix].held_by is None)


def _figures(prefix: str, hour: CodeTable, day: CodeTable, judgement: Judgement) -> CodeFigures:
    nothing = CodeCounts()
    return CodeFigures(hour.prefixes.get(prefix, nothing), day.prefixes.get(prefix, nothing), judgement)


def _without(whole: CodeFigures, told: Mapping[str, CodeFigures]) -> CodeFigures:
    """All other numbers."""
    hour, day = total([one.last_hour for one in told.values()]), total([one.last_day for one in told.values()])
    return CodeFigures(_less(whole.last_hour, hour), _less(whole.last_day, day), None)


def _less(all_of_them: CodeCounts, some: CodeCounts) -> CodeCounts:
    return CodeCounts(*(every - part for every, part in zip(all_of_them, some, strict=True)))
