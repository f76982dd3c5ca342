from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0006_numbers_of_the_forgotten')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Passkey',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(unique=True, max_length=32)),
                ('credential_id', fields.CharField(unique=True, max_length=1364)),
                ('public_key', fields.TextField(unique=False)),
                ('sign_count', fields.BigIntField()),
                ('label', fields.CharField(max_length=128)),
                ('link', fields.CharField(max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'passkeys', 'app': 'models', 'pk_attr': 'id', 'table_description': 'That of one operator. Id and key are base64url, and the digest is of the link that it came by. Times are UTC.'},
            bases=['Model'],
        ),
    ]
