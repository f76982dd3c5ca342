"""The judge, on records made by hand: what it finds, and what it does not hold against a client."""

from typing import Any

from service.rehearsal.judge import Fault, judge
from service.rehearsal.wire import Deed, Exchange, Happening, Kind, Record, Said

OK = Said(200)
REFUSED = Said(401, "invalid_token")
OVER = Said(403, "invalid_refresh_token")
BUSY = Said(503, "service_unavailable")
REUSED = Said(403, "session_ended", "reused")


def exchange(kind: Kind, at: float, told: Said = OK, **more: Any) -> Exchange:
    """One that the network has left alone."""
    given = {"latch": told, "told": told, "told_at": at + 0.01, "is_latchs": bool(told.status), **more}
    return Exchange(at=at, kind=kind, **given)


def login(at: float, session: str, **more: Any) -> Exchange:
    return exchange(Kind.LOGIN, at, opened=session, **more)


def refresh(at: float, session: str = "s1", told: Said = OK, **more: Any) -> Exchange:
    more = {"token": f"r-{session}", **more}
    return exchange(Kind.REFRESH, at, told, session=session, opened=session if told == OK else "", **more)


def work(at: float, session: str = "s1", told: Said = OK, **more: Any) -> Exchange:
    return exchange(Kind.WORK, at, told, session=session, **{"token": f"a-{session}", **more})


def faults(*passed: Exchange | Happening, rounds: int = 2, at_once: int = 1, **more: Any) -> list[Fault]:
    exchanges = sorted(one for one in passed if isinstance(one, Exchange))
    happenings = [one for one in passed if isinstance(one, Happening)]
    return [one.fault for one in judge(Record(exchanges, happenings, rounds, at_once, **more))]


GOOD = (login(0, "s1"), work(1), work(2))


def test_nothing_is_found_in_a_client_that_logs_in_and_works() -> None:
    assert faults(*GOOD) == []


def test_a_login_while_the_session_lives_is_a_lost_session_once() -> None:
    assert faults(*GOOD, login(3, "s2"), work(4, "s2"))[0] is Fault.LOST
    assert faults(*GOOD, login(3, "s2"), work(4, "s2")).count(Fault.LOST) == 1


def test_a_login_after_the_session_was_ended_is_not() -> None:
    revoked = Happening(2.5, Deed.REVOKED, "s1")
    assert faults(*GOOD, revoked, refresh(3, told=Said(403, "session_ended", "revoked")), login(4, "s2")) == []


def test_a_login_repeated_with_its_own_id_is_one_login() -> None:
    lost = login(0, "s1", own_id="x", told=Said(), latch=OK)
    assert faults(lost, login(1, "s1", own_id="x"), work(2), work(3)) == []
    assert faults(login(0, "s1", own_id="x"), login(0.5, "s1", own_id="x", told=Said()), work(2), work(3)) == []


def test_after_a_lost_answer_a_login_with_another_id_or_none_has_cost_a_code() -> None:
    for one, other in (("x", "y"), ("", "")):
        lost = login(0, "s1", own_id=one, told=Said(), latch=OK)
        assert faults(lost, login(1, "s2", own_id=other), work(2, "s2"), work(3, "s2")) == [Fault.LOST]


def test_the_theft_rule_and_a_log_out_of_its_own_are_lost_sessions() -> None:
    assert faults(*GOOD, refresh(3, told=REUSED), login(4, "s2")) == [Fault.LOST, Fault.LOOP]
    logged_out = exchange(Kind.LOG_OUT, 3, Said(204), session="s1", token="a-s1")
    assert faults(*GOOD, logged_out, login(4, "s2"))[0] is Fault.LOST


def test_a_request_without_a_token_while_the_session_lives_is_a_lost_session() -> None:
    assert faults(*GOOD, work(3, session="", token="", told=REFUSED)) == [Fault.LOST]
    assert faults(work(-1, session="", token="", told=REFUSED), *GOOD) == []


def test_what_was_under_way_when_the_end_was_told_is_not_held_against_a_client() -> None:
    ended = (Happening(2.5, Deed.SESSION_DELETED, "s1"), refresh(3, told=OVER))
    late = [refresh(3.001 + number / 1000, told=OVER) for number in range(30)]  # all asked before the first was told
    assert Fault.DEAD not in faults(*GOOD, *ended, *late[:8], login(9, "s2"))
    few = [work(5 + number, told=REFUSED) for number in range(4)]
    assert Fault.DEAD not in faults(*GOOD, *ended, *few, login(10, "s2"))


def test_tokens_of_a_session_of_whose_end_a_client_has_heard_are_dead() -> None:
    ended = (Happening(2.5, Deed.SESSION_DELETED, "s1"), refresh(3, told=OVER))
    many = [refresh(5 + number, told=OVER) for number in range(5)]
    assert faults(*GOOD, *ended, *many) == [Fault.DEAD]


def test_an_end_that_never_reached_the_client_is_no_end_to_it() -> None:
    ended = Happening(2.5, Deed.SESSION_DELETED, "s1")
    many = [refresh(5 + number, told=Said(), latch=OVER) for number in range(9)]
    assert faults(*GOOD, ended, *many) == []


def test_an_access_token_that_was_refused_is_dead_until_a_refresh_was_tried() -> None:
    refused = [work(3 + number, told=REFUSED) for number in range(6)]
    assert faults(*GOOD, *refused) == [Fault.DEAD]
    tried = [refresh(4.5, told=BUSY), refresh(6.5)]
    assert faults(*GOOD, *refused, *tried) == []


def test_a_second_refusal_is_the_callers_and_asks_for_no_refresh_until_the_next_one() -> None:
    second = (work(3, told=REFUSED), refresh(3.5), work(4, token="a2", told=REFUSED))
    others = [work(5 + number / 10, token="a2", told=BUSY, is_latchs=False) for number in range(20)]
    assert faults(*GOOD, *second, *others, work(8, token="a2", told=REFUSED), refresh(9)) == []


def test_trouble_of_a_backend_hides_nobody_who_does_not_refresh() -> None:
    told = [told for number in range(6) for told in (work(3 + number, told=REFUSED), work(3.5 + number, told=BUSY))]
    assert faults(*GOOD, *told) == [Fault.DEAD]


def test_refreshes_that_nothing_explains_are_a_loop() -> None:
    assert faults(*GOOD, *(refresh(3 + number) for number in range(5))) == [Fault.LOOP]


def test_a_refresh_after_each_refusal_of_its_own_is_one_too() -> None:
    turns = [(work(3 + number, told=REFUSED), refresh(3.5 + number)) for number in range(8)]
    assert faults(*GOOD, *(one for turn in turns for one in turn)) == [Fault.LOOP]


def test_tries_after_failures_are_none() -> None:
    failed = [refresh(3 + number, told=BUSY) for number in range(20)]
    assert faults(*GOOD, *failed, refresh(30)) == []


def test_what_came_so_late_that_the_client_may_have_given_up_is_no_loop() -> None:
    slow = [refresh(3 + number, told_at=3.6 + number) for number in range(4)]
    assert faults(*GOOD, *slow, refresh(30)) == []
    assert faults(login(0, "s1", own_id="x", told_at=0.5), login(0.6, "s1", own_id="x"), work(2), work(3)) == []


def test_logins_that_fail_may_be_tried_again() -> None:
    failed = [exchange(Kind.LOGIN, number / 10, BUSY) for number in range(5)]
    assert faults(*failed, login(1, "s1"), work(2), work(3)) == []


def test_a_driver_that_does_not_come_to_its_end_is_told() -> None:
    assert faults(*GOOD, is_done=False) == [Fault.UNFINISHED]
    assert faults(*GOOD, rounds=4) == []
    assert faults(*GOOD, rounds=5) == [Fault.UNFINISHED]


def test_too_many_requests_to_look_at_are_a_loop() -> None:
    assert faults(*GOOD, overflowed=True) == [Fault.LOOP]
