from tortoise import migrations
from tortoise.migrations import operations as ops
from models.event import OperatorIndex
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Event',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('kind', fields.CharField(max_length=32)),
                ('user_id', fields.BigIntField(null=True)),
                ('session_id', fields.CharField(null=True, max_length=32)),
                ('mobile', fields.CharField(null=True, max_length=24)),
                ('ip', fields.CharField(null=True, max_length=64)),
                ('device', fields.CharField(null=True, max_length=128)),
                ('operator', fields.CharField(null=True, max_length=64)),
                ('reason', fields.CharField(null=True, max_length=256)),
                ('request_id', fields.CharField(null=True, max_length=64)),
            ],
            options={'table': 'events', 'app': 'models', 'indexes': [Index(fields=['at'], name='events_at'), Index(fields=['user_id', 'at'], name='events_user'), Index(fields=['kind', 'at'], name='events_kind'), Index(fields=['ip', 'at'], name='events_ip'), OperatorIndex(fields=['operator', 'at'], name='events_operator')], 'pk_attr': 'id', 'table_description': 'One security event. Times are UTC. A user id below 0 stands for somebody who was erased.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Forgotten',
            fields=[
                ('user_id', fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ('alias', fields.BigIntField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'forgotten', 'app': 'models', 'pk_attr': 'user_id', 'table_description': 'A user who was erased of late, and the id that their events have now: for events that were still queued.'},
            bases=['Model'],
        ),
    ]
