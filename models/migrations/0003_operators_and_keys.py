from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


async def index_names(_apps, editor):
    """People are found by the start of a name, but for names that are the person's number."""
    by_bytes = " text_pattern_ops" if editor.client.capabilities.dialect == "postgres" else ""
    await editor.client.execute_script(f"CREATE INDEX users_named ON users (name{by_bytes}) WHERE name <> mobile")


class Migration(migrations.Migration):
    dependencies = [('models', '0002_events')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Key',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(unique=True, max_length=32)),
                ('role', fields.CharField(max_length=16)),
                ('digest', fields.CharField(unique=True, max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'keys', 'app': 'models', 'pk_attr': 'id', 'table_description': "A program's API key: of the secret only its SHA-256, in hexadecimal. Times are UTC."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Operator',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(unique=True, max_length=32)),
                ('role', fields.CharField(max_length=16)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'operators', 'app': 'models', 'pk_attr': 'id', 'table_description': 'A person, known by a name. Times are UTC.'},
            bases=['Model'],
        ),
        ops.RunPython(index_names),
    ]
