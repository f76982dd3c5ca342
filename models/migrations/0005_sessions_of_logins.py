from tortoise import migrations
from tortoise.migrations import operations as ops
from models.event import SessionIndex

class Migration(migrations.Migration):
    dependencies = [('models', '0004_users_without_a_number')]

    initial = False

    operations = [
        ops.AddIndex(
            model_name='Event',
            index=SessionIndex(fields=['session_id'], name='events_session'),
        ),
    ]
