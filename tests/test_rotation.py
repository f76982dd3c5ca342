"""The refresh rule (section 3 of the contract): row by row, then an honest client and a thief on random schedules."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import rotation
from service.entities import RotationState
from service.rotation import Rule, Seal
from service.tokens import Kind, TokenKeys

WINDOW, GRACE = 60.0, 60.0
FIRST = b"first".ljust(32, b".")


@dataclass
class Server:
    """One session's state, changed by refreshes; None once it has ended."""

    rule: Rule = field(default_factory=lambda: Rule(WINDOW, GRACE))
    now: float = 1_000_000.0
    state: RotationState | None = None
    nonces: int = 0
    seals: list[Seal] = field(default_factory=lambda: [rotation.unsealed])

    def __post_init__(self) -> None:
        self.state = rotation.begin(FIRST, self.now)

    def refresh(self, secret: bytes) -> bytes | None:
        if self.state is None:
            return None
        self.nonces += 1
        nonce = self.nonces.to_bytes(rotation.NONCE_BYTES, "big")
        state, successor = rotation.refresh(
            self.state, secret, now=self.now, nonce=nonce, rule=self.rule, seals=self.seals
        )
        self.state = state if successor else None
        return successor

    def served(self, secret: bytes) -> bytes:
        successor = self.refresh(secret)
        assert successor is not None
        return successor

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_current_gets_the_same_successor_within_the_window() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW - 1)
    assert server.served(FIRST) == one != FIRST


def test_current_gets_another_successor_after_the_window() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW)
    assert server.served(FIRST) != one


def test_a_young_pending_token_is_answered_with_itself() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW - 1)
    assert server.served(one) == one


def test_an_older_pending_token_becomes_current_and_gets_a_successor() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW)
    two = server.served(one)
    assert two not in {FIRST, one}
    assert server.served(one) == two


def test_previous_is_answered_with_current_within_the_grace() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW)
    server.served(one)
    server.wait(GRACE - 1)
    assert server.served(FIRST) == one


def test_previous_after_the_grace_is_theft() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW)
    server.served(one)
    server.wait(GRACE)
    assert server.refresh(FIRST) is None


def test_a_confirmed_token_ends_its_siblings() -> None:
    server = Server()
    one = server.served(FIRST)
    server.wait(WINDOW)
    two = server.served(FIRST)
    server.wait(WINDOW)
    server.served(one)
    assert server.refresh(two) is None


def test_the_token_before_the_previous_one_is_theft() -> None:
    server = Server(Rule(WINDOW, 10 * WINDOW))
    one = server.served(FIRST)
    server.wait(WINDOW)
    two = server.served(one)
    server.wait(WINDOW)
    server.served(two)
    assert server.refresh(FIRST) is None


def test_a_token_that_was_never_handed_out_is_theft() -> None:
    assert Server().refresh(b"x" * 32) is None


def test_a_client_that_keeps_its_first_token_is_served_for_ever_and_the_state_stays_small() -> None:
    server = Server()
    for _ in range(500):
        server.served(FIRST)
        server.wait(3600)
    assert server.state
    assert len(server.state.pending) == rotation.PENDING_KEPT


def test_parallel_requests_on_both_sides_of_the_windows_end_get_one_successor() -> None:
    # A lost answer long ago, then two parallel requests a moment apart: counted from the successor's birth, the window
    # would end between them, the slower answer would carry a sibling, and using the faster one would kill it.
    server = Server()
    server.served(FIRST)  # lost on the way
    server.wait(WINDOW - 0.5)
    fast = server.served(FIRST)
    server.wait(1)
    slow = server.served(FIRST)
    server.served(fast)
    assert server.refresh(slow) is not None


def test_the_state_does_not_hold_a_secret() -> None:
    server = Server()
    secrets = [FIRST, server.served(FIRST)]
    assert not any(secret.hex() in repr(server.state) for secret in secrets)


# --- An honest client is never logged out ---------------------------------------------------------------------------


@dataclass
class Request:
    """One refresh under way: what it presented, when it was sent, and its answer once the server has given it."""

    presented: bytes
    sent_at: float
    answer: bytes | None = None


@dataclass
class HonestClient:
    """Sends refreshes in parallel, repeats them, loses answers, gets them late and out of order; stores or does not.

    The one promise it keeps: from sending to answer, a request takes less than `longest` seconds.
    """

    server: Server
    longest: float
    stores: bool
    held: bytes = FIRST
    under_way: list[Request] = field(default_factory=list)

    def act(self, random: Random) -> None:
        """One step of a random schedule. Fails if the server takes the client for a thief."""
        step = random.choices([self.send, self.reach, self.repeat, self.arrive, self.lose, self.idle], WEIGHTS)[0]
        step(random)

    def send(self, _: Random) -> None:
        if len(self.under_way) < 6:
            self.under_way.append(Request(self.held, self.server.now))

    def reach(self, random: Random) -> None:
        self._process(random, [request for request in self.under_way if request.answer is None])

    def repeat(self, random: Random) -> None:
        self._process(random, [request for request in self.under_way if request.answer])

    def arrive(self, random: Random) -> None:
        if answered := [request for request in self.under_way if request.answer]:
            request = random.choice(answered)
            self.under_way.remove(request)
            self.held = request.answer if self.stores and request.answer else self.held

    def lose(self, random: Random) -> None:
        if self.under_way:
            self.under_way.remove(random.choice(self.under_way))

    def idle(self, random: Random) -> None:
        self.server.wait(3600 if random.random() < 0.03 else random.choice([1, 2, 3, 5, 7, 10, 14, 15, 20, 29]))
        self.under_way = [r for r in self.under_way if self.server.now - r.sent_at < self.longest]

    def _process(self, random: Random, requests: list[Request]) -> None:
        if requests:
            request = random.choice(requests)
            request.answer = self.server.served(request.presented)


WEIGHTS = [25, 25, 3, 15, 4, 28]
STEPS = 150


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(seed=st.integers(0, 2**32), stores=st.booleans(), grace=st.sampled_from([WINDOW / 2, WINDOW]))
def test_an_honest_client_is_never_taken_for_a_thief(seed: int, stores: bool, grace: float) -> None:  # noqa: FBT001
    random = Random(seed)
    client = HonestClient(Server(Rule(WINDOW, grace)), longest=WINDOW / 2, stores=stores)
    for _ in range(STEPS):
        client.act(random)
        assert client.server.state
        assert rotation.recognises(client.server.state, client.held)


KEYS = [TokenKeys([name]).seals(Kind.REFRESH, 42, "0123456789abcdef")[0] for name in (b"one", b"two", b"three")]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), stores=st.booleans())
def test_an_honest_client_is_never_taken_for_a_thief_while_tags_come_and_their_keys_are_changed(
    seed: int,
    stores: bool,  # noqa: FBT001
) -> None:
    random = Random(seed)
    client = HonestClient(Server(), longest=WINDOW / 2, stores=stores)
    changes = {random.randrange(STEPS): key for key in KEYS}
    for step in range(STEPS):
        if step in changes:
            client.server.seals.insert(0, changes[step])
        client.act(random)
        assert client.server.state
        assert rotation.recognises(client.server.state, client.held)


def test_a_successor_that_no_seal_makes_again_gets_a_sibling_and_both_are_good() -> None:
    server = Server(seals=KEYS[:1])
    one = server.served(FIRST)
    server.seals = KEYS[1:2]
    two = server.served(FIRST)
    assert two != one
    assert (server.served(FIRST), server.served(one), server.served(two)) == (two, one, two)


def test_previous_gets_a_new_successor_where_no_seal_makes_current_again() -> None:
    server = Server(seals=KEYS[:1])
    one = server.served(FIRST)
    server.wait(WINDOW)
    two = server.served(one)
    server.seals = KEYS[1:2]
    three = server.served(FIRST)
    assert three not in {FIRST, one, two}
    assert server.served(FIRST) == three
    assert server.served(three) == three


# --- A thief is caught ----------------------------------------------------------------------------------------------

APART = WINDOW + GRACE  # nearer to one of the owner's refreshes the thief gets the owner's answer, as a repeat would
CYCLE = 3600.0


@settings(max_examples=400, deadline=None)
@given(
    honest_rounds=st.integers(0, 4),
    stores=st.booleans(),
    offsets=st.lists(st.floats(APART, CYCLE - APART), min_size=1, max_size=3),
    stolen_before=st.booleans(),
)
def test_a_thief_who_goes_on_is_caught_within_three_refreshes_of_the_owner(
    honest_rounds: int,
    stores: bool,  # noqa: FBT001
    offsets: list[float],
    stolen_before: bool,  # noqa: FBT001
) -> None:
    server = Server()
    owner = FIRST
    stolen = owner
    for _ in range(honest_rounds):
        stolen = owner if stolen_before else stolen
        owner = server.served(owner)
        stolen = stolen if stolen_before else owner
        server.wait(CYCLE)
    for _ in range(3):
        start = server.now
        for offset in sorted(offsets):
            server.now = start + offset
            answer = server.refresh(stolen)
            if answer is None:
                return
            stolen = answer if stores else stolen
        server.now = start + CYCLE
        answer = server.refresh(owner)
        if answer is None:
            return
        owner = answer
    pytest.fail("the thief was not caught")
