from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

# SQLite cannot drop a NOT NULL, so the table is made anew: with every row as it is, with the highest id that was ever
# given out, so that no other gets it, and with whatever indexes lie on it, those of operators too.
NEW_TABLE = """
    CREATE TABLE new__users (
        "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        "mobile" VARCHAR(11) UNIQUE,
        "name" VARCHAR(64) NOT NULL,
        "status" VARCHAR(16) NOT NULL,
        "created_at" TIMESTAMP NOT NULL,
        "last_login" TIMESTAMP NOT NULL
    )
"""
COLUMNS = "id, mobile, name, status, created_at, last_login"
BESIDE = "SELECT sql FROM sqlite_master WHERE tbl_name = 'users' AND type IN ('index', 'trigger') AND sql IS NOT NULL"
COPY = (
    f"INSERT INTO new__users ({COLUMNS}) SELECT {COLUMNS} FROM users",
    "DELETE FROM sqlite_sequence WHERE name = 'new__users'",
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'new__users', seq FROM sqlite_sequence WHERE name = 'users'",
    "DROP TABLE users",
    "PRAGMA legacy_alter_table = ON",  # or a view of users, which there are none of just now, would stop it
    "ALTER TABLE new__users RENAME TO users",
    "PRAGMA legacy_alter_table = OFF",
)


class LetGoOfNumbers(ops.AlterField):
    """In one transaction, as each migration; a change of the catalogue on PostgreSQL, whatever the rows."""

    async def database_forward(self, app_label, old_state, new_state, state_editor=None):
        if state_editor is None or state_editor.DIALECT != "sqlite":
            return await super().database_forward(app_label, old_state, new_state, state_editor)
        client = state_editor.client
        await client.execute_query(NEW_TABLE)
        beside = await client.execute_query_dict(BESIDE)
        for statement in (*COPY, *(row["sql"] for row in beside)):
            await client.execute_query(statement)


class Migration(migrations.Migration):
    dependencies = [('models', '0003_operators_and_keys')]

    initial = False

    operations = [
        LetGoOfNumbers(
            model_name='User',
            name='mobile',
            field=fields.CharField(null=True, unique=True, max_length=11),
        ),
    ]
