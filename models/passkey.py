"""The table of the passkeys that operators log in with."""

from tortoise import fields
from tortoise.models import Model


class Passkey(Model):
    """That of one operator. Id and key are base64url, and the digest is of the link that it came by. Times are UTC."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=32, unique=True)
    credential_id = fields.CharField(max_length=1364, unique=True)
    public_key = fields.TextField()
    sign_count = fields.BigIntField()
    label = fields.CharField(max_length=128)
    link = fields.CharField(max_length=64)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        """Named in the plural, as all of them."""

        table = "passkeys"
