from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0005_sessions_of_logins')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Forgotten',
            name='number',
            field=fields.CharField(null=True, max_length=32),
        ),
    ]
