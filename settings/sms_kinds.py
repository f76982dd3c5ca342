"""How the settings of a message are named: by its kind and its language. The one table of both."""

NOTICE, NEW_DEVICE = NOTICES = ("notice", "new_device")  # what is told and carries no code
CODES = ("login", "change", "erase")
KINDS = {"login": "", **{kind: f"_{kind}" for kind in (*CODES[1:], *NOTICES)}}  # of a message: how its settings end
LANGUAGES = {"en": "_en", "zh-CN": "_zh_cn"}  # as DEFAULT_LANGUAGE names them: what is put behind that


def for_all(stem: str, kind: str) -> str:
    """The setting that is for every language which has none of its own."""
    return f"{stem}{KINDS[kind]}"


def for_one(stem: str, kind: str, language: str) -> str:
    """The setting for one language."""
    return f"{for_all(stem, kind)}{LANGUAGES[language]}"
