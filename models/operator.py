"""The tables of those who may ask the private listener: people, and programs with a key."""

from tortoise import fields
from tortoise.models import Model


class Operator(Model):
    """A person, known by a name. Times are UTC."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=32, unique=True)
    role = fields.CharField(max_length=16)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        """Named in the plural, as all of them."""

        table = "operators"


class Key(Model):
    """A program's API key: of the secret only its SHA-256, in hexadecimal. Times are UTC."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=32, unique=True)
    role = fields.CharField(max_length=16)
    digest = fields.CharField(max_length=64, unique=True)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        """Named in the plural: `key` is a word of SQL."""

        table = "keys"
