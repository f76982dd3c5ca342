"""Write docs/settings.md and .env.example anew: `make settings`."""

from pathlib import Path

from config import Settings
from settings import reference

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    (ROOT / "docs" / "settings.md").write_text(reference.page(Settings), encoding="utf-8")
    (ROOT / ".env.example").write_text(reference.example(Settings), encoding="utf-8")
