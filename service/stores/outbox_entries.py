"""What other systems are told of each thing that happens, as append_outbox.lua takes it. Pure.

An entry is a line, `<when> <type> <user> <data>`: a named tuple and a JSON encoder would cost each login several times
as much. So what is put into one must need no escaping in JSON: user ids, session ids, words of our own. Never a mobile
number, and nothing that says where or on what somebody is: such an entry may outlive the account.
"""

from service.entities import EndReason

# When an entry is one: what the first script of its chain returns decides.
ALWAYS, MARKED, FIRST, EACH = "=", "?", "1", "*"
Entry = str


def of_login(user_id: int, session_id: str, *, is_new_user: bool, tells_device: bool) -> list[Entry]:
    """Of a login: a new user, the sessions that made room, the login itself, and perhaps its device."""
    whose = f'{user_id} {{"user_id":{user_id},"session_id":"{session_id}"'
    entries = [of_change("user.created", user_id)] if is_new_user else []
    entries.append(of_each_end(user_id, EndReason.REPLACED))
    entries.append(f'{ALWAYS} login {whose},"is_new_user":{"true" if is_new_user else "false"}}}')
    if tells_device:
        entries.append(f"{FIRST} login.new_device {whose}}}")
    return entries


def of_end(user_id: int, session_id: str, reason: EndReason, when: str = ALWAYS) -> list[Entry]:
    """Of a session that ends. One that somebody else holds a token of says so first."""
    whose = f'{user_id} {{"user_id":{user_id},"session_id":"{session_id}"'
    ended = f'{when} session.ended {whose},"reason":"{reason}"}}'
    return [f"{when} refresh_token.reused {whose}}}", ended] if reason is EndReason.REUSED else [ended]


def of_each_end(user_id: int, reason: EndReason) -> Entry:
    """Of all sessions that the script has ended, whichever these are: their ids are put at the end."""
    return f'{EACH} session.ended {user_id} {{"user_id":{user_id},"reason":"{reason}","session_id":"'


def of_change(kind: str, user_id: int) -> Entry:
    """Of a change of the user."""
    return f'{ALWAYS} {kind} {user_id} {{"user_id":{user_id}}}'
