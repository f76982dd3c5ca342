"""When webhooks are tried again, when receivers are left alone, in which order, and to which addresses."""

import pytest

from service.webhook_addresses import Allowed
from service.webhook_rules import AT_ONCE, GONE_PAUSE, LONGEST_PAUSE, LONGEST_WAIT, PEOPLE, Breaker, wait_after
from service.webhook_window import Window
from service.webhooks import Attempt, OutboxEvent, receivers_of

FAILED, TAKEN = Attempt(500), Attempt(204)


def event(user: str, number: int) -> OutboxEvent:
    return OutboxEvent(f"{number}-0", f"evt_{number}-0", "login", user, 0.0, "{}")


def test_waits_double_up_to_an_hour_and_a_part_is_drawn() -> None:
    assert [wait_after(tries, 0) for tries in (1, 2, 3, 12, 100)] == [2, 4, 8, LONGEST_WAIT, LONGEST_WAIT]
    assert wait_after(1, 1) == 1


def test_a_receiver_is_down_that_fails_for_several_people_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(100):
        breaker.failed("1", FAILED, 0)
    assert breaker.at_once(0) == AT_ONCE
    for user in range(2, PEOPLE + 1):
        breaker.failed(str(user), FAILED, 0)
    assert breaker.at_once(0.9) == 0
    assert breaker.at_once(1) == 1


def test_a_success_between_means_that_it_is_not_down() -> None:
    breaker = Breaker()
    for user in range(100):
        breaker.failed(str(user), FAILED, 0)
        if user % (PEOPLE - 1) == PEOPLE - 2:
            assert not breaker.succeeded()
    assert breaker.is_closed


def test_pauses_double_up_to_a_bound_and_what_was_under_way_prolongs_none() -> None:
    breaker, now = Breaker(), 0.0
    for user in range(PEOPLE):
        breaker.failed(str(user), FAILED, now)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.left(now))
        breaker.failed("9", FAILED, now)
        now += breaker.left(now)
        breaker.failed("9", FAILED, now)
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert breaker.succeeded()
    assert breaker.at_once(now) == AT_ONCE


def test_who_says_how_long_is_left_alone_that_long_and_who_is_gone_for_an_hour() -> None:
    breaker = Breaker()
    breaker.failed("1", Attempt(429, retry_after=120.0), 0)
    assert (breaker.at_once(119), breaker.at_once(120)) == (0, 1)
    breaker.failed("1", Attempt(410), 120)
    assert breaker.left(120) == GONE_PAUSE


def test_a_user_s_next_event_comes_when_the_one_before_is_done() -> None:
    window = Window(10)
    one, two, other = event("a", 1), event("a", 2), event("b", 3)
    for each in (one, two, other):
        window.add(each)
    assert [window.next(0), window.next(0), window.next(0)] == [one, other, None]
    assert window.count_try(one) == 1
    window.failed(one, again_at=5)
    window.done(other)
    assert (window.next(4.9), window.next(5), window.next(5)) == (None, one, None)
    assert window.count_try(one) == 2
    window.done(one)
    assert window.next(5) == two
    assert window.tries(two) == 0
    assert window.room == 9


def test_what_waits_for_another_try_is_due_at_once_when_the_receiver_is_back() -> None:
    window = Window(10)
    window.add(event("a", 1))
    first = window.next(0)
    assert first
    window.failed(first, again_at=3_600)
    window.hasten()
    assert window.next(0) == first


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "127.0.0.1", "0.0.0.0", "169.254.169.254", "100.100.100.200", "192.0.2.1", "224.0.0.1"),
        *("168.63.129.16", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("2002:7f00:1::", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "::7f00:1", "fe80::1%eth0"),
    ],
)
def test_private_addresses_and_metadata_services_are_refused_in_every_form(address: str) -> None:
    assert not Allowed(()).takes("crm.example.com", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"])
def test_public_addresses_are_taken(address: str) -> None:
    assert Allowed(()).takes("crm.example.com", address)


def test_what_is_named_is_taken_and_loopback_where_the_host_says_so() -> None:
    assert Allowed(["CRM.internal"]).takes("crm.internal.", "10.0.0.1")
    assert Allowed(["10.0.0.0/8"]).takes("crm.internal", "::ffff:10.0.0.1")
    assert not Allowed(["10.0.0.0/8"]).takes("crm.internal", "192.168.0.1")
    for host, address in (("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")):
        assert Allowed(()).takes(host, address)


def test_receivers_are_told_by_place_and_host_and_their_key_holds_no_address() -> None:
    one, two = receivers_of(["https://crm.example.com/x?token=hush", "http://localhost:8080/"])
    assert (one.name, two.name) == ("1 crm.example.com", "2 localhost:8080")
    assert len({one.key, two.key}) == 2
    assert all(part not in one.key for part in ("hush", "crm"))
