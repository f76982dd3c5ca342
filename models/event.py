"""The tables of the audit trail: what has happened, and who is to be forgotten in what is still to be written."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class OperatorIndex(Index):
    """Over the few rows that name an operator: an entry for each of the others would cost every login something."""

    def __init__(self, *, fields: list[str], name: str | None = None) -> None:
        """Take what a migration passes."""
        super().__init__(fields=fields, name=name)
        self.extra = " WHERE operator IS NOT NULL"


class SessionIndex(Index):
    """Over the logins alone: each session begins with one, and it says whose the session is."""

    def __init__(self, *, fields: list[str], name: str | None = None) -> None:
        """Take what a migration passes."""
        super().__init__(fields=fields, name=name)
        self.extra = " WHERE kind = 'login'"


class Event(Model):
    """One security event. Times are UTC. A user id below 0 stands for somebody who was erased."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField()
    kind = fields.CharField(max_length=32)
    user_id = fields.BigIntField(null=True)
    session_id = fields.CharField(max_length=32, null=True)
    mobile = fields.CharField(max_length=24, null=True)
    ip = fields.CharField(max_length=64, null=True)
    device = fields.CharField(max_length=128, null=True)
    operator = fields.CharField(max_length=64, null=True)
    reason = fields.CharField(max_length=256, null=True)
    request_id = fields.CharField(max_length=64, null=True)

    class Meta:
        """One index for each question of docs/audit.md: each is answered in the order of time, newest first."""

        table = "events"
        indexes = (
            Index(fields=["at"], name="events_at"),
            Index(fields=["user_id", "at"], name="events_user"),
            Index(fields=["kind", "at"], name="events_kind"),
            Index(fields=["ip", "at"], name="events_ip"),
            OperatorIndex(fields=["operator", "at"], name="events_operator"),
            SessionIndex(fields=["session_id"], name="events_session"),
        )


class Forgotten(Model):
    """A user who was erased of late, and the id that their events have now: for events that were still queued.

    `number` is the name of their number (HMAC), by which events are known that tell no user.
    """

    user_id = fields.BigIntField(primary_key=True, generated=False)
    alias = fields.BigIntField()
    at = fields.DatetimeField()
    number = fields.CharField(max_length=32, null=True)

    class Meta:
        """A row lives for a week."""

        table = "forgotten"
