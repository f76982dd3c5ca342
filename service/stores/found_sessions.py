"""Sessions that were found and are to be ended: kept small, and in groups that a Cluster takes in one step.

Sixteen bytes each, so a million takes some 16 MB. Those of one user lie together, and those of one slot.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from operator import and_

from redis.crc import key_slot

ID = 8  # bytes of a user id, and of a session id
SIZE = 2 * ID
A_STEP = 64  # slots
GROUPS = 4_095  # and one, of users, where slots do not matter

Place = tuple[int, str]  # a user id and a session id


def slot_of(user_id: int) -> int:
    """The slot that all keys of a user are in."""
    return key_slot(b"%d" % user_id)


def by_slot(places: Iterable[Place]) -> list[list[Place]]:
    """The places of each slot."""
    slots: defaultdict[int, list[Place]] = defaultdict(list)
    for place in places:
        slots[slot_of(place[0])].append(place)
    return list(slots.values())


class FoundSessions:
    """Takes each as often as it is found; once `sorted_out` each is there once, and `count` is right.

    `by_slot`: those of one slot are to lie together; else it does for those of one user.
    """

    def __init__(self, *, by_slot: bool) -> None:
        self._slots: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._slot_of = slot_of if by_slot else partial(and_, GROUPS)
        self.count = 0

    def add(self, places: Iterable[Place]) -> None:
        """Keep these."""
        slots, group = self._slots, self._slot_of
        for user_id, session_id in places:
            slots[group(user_id)] += user_id.to_bytes(ID, "big") + bytes.fromhex(session_id)
            self.count += 1

    def sorted_out(self) -> Iterator[int]:
        """Leave out what was found twice, in small steps; `count` is right after the last."""
        self.count = 0
        for n, (slot, packed) in enumerate(self._slots.items(), 1):
            once = sorted({bytes(packed[start : start + SIZE]) for start in range(0, len(packed), SIZE)})
            self._slots[slot] = bytearray().join(once)
            self.count += len(once)
            if n % A_STEP == 0:
                yield self.count

    def batches(self, most: int) -> Iterator[Sequence[Place]]:
        """All of them, so many at a time."""
        batch: list[Place] = []
        for packed in self._slots.values():
            for start in range(0, len(packed), SIZE):
                batch.append(_place(packed, start))
                if len(batch) == most:
                    yield batch
                    batch = []
        if batch:
            yield batch


def _place(packed: bytearray, start: int) -> Place:
    middle = start + ID
    return int.from_bytes(packed[start:middle], "big"), packed[middle : middle + ID].hex()
