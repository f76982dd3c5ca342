"""What people read for the names of events."""

from service.events import Event
from service.routes.console import event_words


def test_every_event_has_words_of_its_own() -> None:
    assert set(event_words.WORDS) == set(Event)
    assert len(set(event_words.WORDS.values())) == len(event_words.WORDS)


def test_an_event_of_a_newer_version_is_shown_by_its_name() -> None:
    assert event_words.label("device_forgotten") == "device_forgotten"
