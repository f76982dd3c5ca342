"""The settings as people read them: docs/settings.md and .env.example, written from the fields by `make settings`.

Knows names, defaults, bounds and descriptions alone, never a value that somebody has set.
"""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from settings.sms_kinds import LANGUAGES

WIDTH = 118
DEMANDED = {"code_pepper": "; the same on every machine"}  # what nobody but `make run` can do without

# Whose fields stand under which heading, in order: a model of settings/, or the first of config.py's own that do.
HEADINGS = {
    "host": "Server",
    "StoreSettings": "Stores",
    "access_ttl": "Sessions",
    "KeySettings": "Keys",
    "CodeSettings": "Codes",
    "LimitSettings": "Limits",
    "SmsSettings": "SMS",
    "SmsTextSettings": "SMS texts",
    "NewDeviceSettings": "New devices",
    "ProviderSettings": "SMS providers",
    "CaptchaSettings": "Captcha",
    "ClientSettings": "Clients",
    "WebhookSettings": "Other systems",
    "OperatorSettings": "Operators",
    "OpenIdSettings": "Operators",
    "trusted_proxies": "Clients",
    "default_language": "Language",
    "log_level": "Logs and traces",
}
OF_A_LANGUAGE = "What ends in `_EN` or `_ZH_CN` is for that language; empty: as the one for all"
INTRODUCTIONS = {
    "Server": "How many requests of a kind, and what a stop does: [overload](overload.md).",
    "Stores": "Addresses with TLS, Sentinel and Cluster: [Redis](redis.md). Time limits: "
    "[what breaks when](reliability.md).",
    "Sessions": "How refreshes use the window and the grace: [the refresh rule](refresh.md).",
    "Keys": "How one is changed while people are logged in: [deployment](deployment.md).",
    "Codes": "How they are guarded: [abuse](abuse.md).",
    "Limits": "In the notation of the `limits` library, like `5/hour;10/day`, or `off`. How they were chosen: "
    "[abuse](abuse.md).",
    "SMS": "How to choose a sender: [SMS](sms.md). What stops SMS pumping: [abuse](abuse.md).",
    "SMS texts": f"For senders that take a text. {OF_A_LANGUAGE}: [SMS](sms.md#the-text).",
    "SMS providers": f"Only the chosen senders need theirs. {OF_A_LANGUAGE}: [SMS](sms.md).",
    "New devices": "What counts as new: [events](events.md#new-devices).",
    "Captcha": "When it is worth one: [the captcha](captcha.md).",
    "Clients": "[Introspection](introspection.md); [gateways](forward-auth.md). Proxies: [deployment](deployment.md).",
    "Other systems": "What they hear of, and how: [webhooks](webhooks.md).",
    "Operators": "The private listener, and who may ask it: [operators](operators.md).",
    "Language": "Of failures, [messages](sms.md) and the console: by choice there, by `Accept-Language`, or else this.",
    "Logs and traces": "What is logged: [events](events.md). What is traced: [metrics](metrics.md).",
}
PAGE = """# Settings

Environment variables, or lines of `.env`, read once at start; the environment wins. A bad one stops the start with its
name and what it should be; an empty one means the default. Secrets are never printed. `./latch check` says
whether the stores behind them are reached and fit.

This page and `.env.example` are written by `make settings` from the code: what they say is what it does.
"""
EXAMPLE = """\
# The settings of Latch. Copy this file to `.env`; an environment variable of the same name wins over it.
# A line that starts with # is not read: what stands after the = is the default. An empty value means the default, too.
# Keep comments on lines of their own: Docker takes one behind a value for a part of it.
# Written by `make settings`; docs/settings.md says more.

# --- Secrets. Make each with: openssl rand -hex 32
# The two passwords become parts of URLs, so they must need no escaping there: hexadecimal digits do not.

"""
PASSWORDS = """
# password of Redis; only the compose files read it
REDIS_PASSWORD=
# password by which several Redis servers speak to each other, and which Latch does not know; for deploy/compose alone
REDIS_ADMIN_PASSWORD=
# password of PostgreSQL, set when its volume is made; only the compose files read it
POSTGRES_PASSWORD=
"""
PUBLISHED = """
# address of this machine on which docker-compose.yml publishes the service; 0.0.0.0 is every address
#PUBLISH_HOST=127.0.0.1
# port of this machine on which docker-compose.yml publishes the service
#PUBLISH_PORT=8000
"""
REMARKS = {
    "Server": ". docker-compose.yml fixes HOST, PORT and DATA_DIR inside the container",
    "Operators": ". docker-compose.yml fixes ADMIN_HOST and ADMIN_PORT inside the container",
    "Stores": ". docker-compose.yml fixes the two URLs",
}
Fields = dict[tuple[str, ...], FieldInfo]  # a setting, with those that are the same for one language behind it


def page(model: type[BaseModel]) -> str:
    """docs/settings.md: a table for each heading."""
    return "\n".join([PAGE, *(_section(title, fields) for title, fields in _grouped(model).items())])


def example(model: type[BaseModel]) -> str:
    """.env.example: every setting commented out, but for the secrets that each installation makes."""
    groups = _grouped(model)
    demanded = (_variable(name, model.model_fields[name], asked_for=note) for name, note in DEMANDED.items())
    parts = [EXAMPLE, "\n".join(demanded), PASSWORDS]
    for title, fields in groups.items():
        lines = [
            _variable(name, model.model_fields[name]) for names in fields for name in names if name not in DEMANDED
        ]
        parts += [f"\n# --- {title}{REMARKS.get(title, '')}\n\n", "\n".join(lines)]
        parts.append(PUBLISHED if title == "Server" else "\n")
    return "".join(parts)


def _grouped(model: type[BaseModel]) -> dict[str, Fields]:
    """The fields by heading. Raises KeyError for a model of settings/ that has none."""
    groups: dict[str, Fields] = {title: {} for title in HEADINGS.values()}
    in_one_language = {one for name in model.model_fields for one in _in_each_language(model, name)}
    heading = ""
    for name, field in model.model_fields.items():
        if name in in_one_language:
            continue
        owner = _owner(model, name)
        heading = HEADINGS[owner.__name__] if owner is not model else HEADINGS.get(name, heading)
        groups[heading][name, *_in_each_language(model, name)] = field
    return groups


def _in_each_language(model: type[BaseModel], name: str) -> list[str]:
    return [one for ending in LANGUAGES.values() if (one := f"{name}{ending}") in model.model_fields]


def _owner(model: type[BaseModel], name: str) -> type:
    return next(kind for kind in reversed(model.__mro__) if name in getattr(kind, "model_fields", ()))


def _section(title: str, fields: Fields) -> str:
    lines = [f"## {title}\n", f"{INTRODUCTIONS[title]}\n"]
    lines += ["| setting | default | values | what it is |", "|---|---|---|---|"]
    for names, field in fields.items():
        named = ", ".join(f"`{name.upper()}`" for name in names)
        cells = (named, _code(default(field)), values(field), field.description or "")
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return "\n".join(lines) + "\n"


def _variable(name: str, field: FieldInfo, asked_for: str = "") -> str:
    choices = f": {values(field)}" if get_origin(field.annotation) is Literal else ""
    text = f"{field.description}{choices}{asked_for}".replace("`", "")
    comment = (f"# {line}" for line in wrap(text, WIDTH, break_on_hyphens=False))
    return "\n".join([*comment, f"{'' if asked_for else '#'}{name.upper()}={default(field)}"])


def default(field: FieldInfo) -> str:
    """The default as it would stand in `.env`; nothing where the setting is a secret."""
    if _is_secret(field):
        return ""
    if field.default is None:
        return ""
    return ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)


def values(field: FieldInfo) -> str:
    """What may stand there, as far as the field's type tells: a choice, a range, `secret`."""
    if _is_secret(field):
        return "secret"
    if get_origin(field.annotation) is Literal:
        return ", ".join(_code(str(choice)) for choice in get_args(field.annotation))
    return ", ".join(_bounds(field.metadata))


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in {field.annotation, *get_args(field.annotation)}


def _bounds(constraints: Sequence[object]) -> Iterator[str]:
    for words, name in (("above", "gt"), ("at least", "ge"), ("below", "lt"), ("at most", "le")):
        for bound in (getattr(constraint, name, None) for constraint in constraints):
            if bound is not None:
                yield f"{words} {bound:,}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
