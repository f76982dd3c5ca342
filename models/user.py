"""The table of people who have logged in at least once."""

from tortoise import fields
from tortoise.models import Model


class User(Model):
    """One person, known by the mobile number. Times are UTC."""

    id = fields.BigIntField(primary_key=True)
    mobile = fields.CharField(max_length=11, unique=True, null=True)  # None: given to somebody else
    name = fields.CharField(max_length=64)
    status = fields.CharField(max_length=16, default="active")
    created_at = fields.DatetimeField()
    last_login = fields.DatetimeField()

    class Meta:
        """Named in the plural: `user` is a reserved word of PostgreSQL."""

        table = "users"
