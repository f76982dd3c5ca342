"""What a server means by refusing: a command is switched off, it is no master any more, it keeps keys apart.

Servers, hosts and proxies each say it in words of their own. None of the texts is ever logged: they repeat keys.
"""

import re

from redis.exceptions import ClusterCrossSlotError, DataError, NoScriptError, RedisError, ResponseError

# It is up but cannot do its work now: no memory, a full disk, no replica, another script. Redis 6.2 wraps what a script
# gets: "Error running script ...: -OOM ...".
UNABLE = re.compile(r"(^|[\s-])(MISCONF|NOREPLICAS|BUSY|LOADING|OOM|READONLY|MASTERDOWN|NOPERM)\b")
DEMOTED = re.compile(r"(^|[\s-])(READONLY|MASTERDOWN)\b")
# Redis "unknown command", Envoy "unsupported command", Codis "command 'X' is not allowed", Upstash "Command is not
# available", Aliyun "command eval not support for normal user", an ACL "no permissions to run", and their like.
OFF = re.compile(
    r"(unknown|unsupported|disabled|forbidden)\W.{0,12}command"
    r"|command\b.{0,60}\b(not|isn't|never) (be )?(available|allowed|support|permitted|enabled|implemented|exist)"
    r"|command\b.{0,60}\b(disabled|forbidden|prohibited|denied|unsupported)"
    r"|permissions? to run|can't run this command",
    re.IGNORECASE,
)
DENIED = re.compile(r"no permissions|can't access at least one|ACL failure", re.IGNORECASE)
IN_SCRIPT = re.compile(
    r"user_script|(running|compiling) script|script: [0-9a-f]{40}|(from|in) (lua )?script", re.IGNORECASE
)
APART = re.compile(r"CROSSSLOT|same slot|passed using the KEYS", re.IGNORECASE)
MISTAKEN = re.compile(r"WRONGTYPE|wrong number of arg|syntax error|not an integer", re.IGNORECASE)


def text_of(error: BaseException) -> str:
    """What the server has said, with the word in capitals that redis-py takes off."""
    code = getattr(error, "status_code", None)
    return f"{code} {error}" if code else str(error)


def is_demoted(error: Exception) -> bool:
    """Whether a replica says so: it has done nothing of what it was asked, and there is a master elsewhere."""
    return isinstance(error, RedisError) and bool(DEMOTED.search(text_of(error)))


def is_switched_off(error: Exception) -> bool:
    """Whether the server does not know this command, or lets this user not run it. It has done nothing then.

    Not where a script has been stopped by such a refusal.
    """
    said = text_of(error)
    return isinstance(error, ResponseError) and bool(OFF.search(said)) and not IN_SCRIPT.search(said)


def wants_text(error: Exception) -> bool:
    """Whether EVAL is worth a try after this answer to EVALSHA."""
    return isinstance(error, NoScriptError) or is_switched_off(error)


def keeps_keys_apart(error: Exception) -> bool:
    """Whether the keys of one script may not lie where these do. Nothing has been run."""
    if isinstance(error, ClusterCrossSlotError):
        return True
    return isinstance(error, ResponseError) and bool(APART.search(text_of(error)))


def denies_keys(error: BaseException) -> bool:
    """Whether this user may not use one of the keys of a command or a script. Nothing has been run."""
    said = text_of(error)
    return isinstance(error, ResponseError) and bool(DENIED.search(said)) and not IN_SCRIPT.search(said)


def is_mistake(error: RedisError) -> bool:
    """Whether we have asked for nonsense, rather than that the server cannot or will not do what we ask."""
    said = text_of(error)
    if not isinstance(error, ResponseError):
        return isinstance(error, DataError)
    if any(words.search(said) for words in (UNABLE, OFF, DENIED)):
        return False
    return bool(MISTAKEN.search(said) or IN_SCRIPT.search(said))


def code_of(error: Exception) -> str:
    """One word to log: READONLY, NOPERM, or ERR where the server gives none."""
    if found := UNABLE.search(text_of(error)):
        return found[2]
    return "OFF" if is_switched_off(error) else str(getattr(error, "status_code", None) or "ERR")
