"""The pepper of the embedded mode: made on first use, kept in `DATA_DIR/code_pepper`, readable by its owner alone."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from config import SECRET_MIN_LENGTH, Settings, SettingsError


def with_kept_pepper(settings: Settings) -> Settings:
    """With an embedded Redis and no `CODE_PEPPER`: the one kept in `DATA_DIR/code_pepper`, made on first use."""
    if settings.code_pepper.get_secret_value():
        return settings
    path = settings.data_dir / "code_pepper"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _keep(path, secrets.token_hex(32))
        pepper = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        cause = getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError(f"DATA_DIR: should be a folder to keep CODE_PEPPER in; {path}: {cause}") from None
    if len(pepper) < SECRET_MIN_LENGTH:
        raise SettingsError(f"CODE_PEPPER: the one kept in {path} is damaged; delete the file and start again")
    return settings.model_copy(update={"code_pepper": SecretStr(pepper)})


def _keep(path: Path, pepper: str) -> None:
    """Write the file whole or not at all; of several starts at once, the first one's pepper stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(pepper)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
