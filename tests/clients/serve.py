"""Serves the backend in the working directory: `python serve.py sanic|asgi|wsgi|django-asgi|django-wsgi PORT`."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any


def serve(kind: str, port: int) -> None:
    """Until killed."""
    sys.path[0] = str(Path.cwd())  # not the folder of this program
    app = django(kind) if kind.startswith("django") else importlib.import_module("app").app
    if kind == "sanic":
        app.run("127.0.0.1", port, single_process=True, access_log=False)
    elif kind.endswith("asgi"):
        importlib.import_module("uvicorn").run(app, host="127.0.0.1", port=port, log_level="warning", ws="none")
    else:
        importlib.import_module("werkzeug.serving").run_simple("127.0.0.1", port, app, threaded=True)


def django(kind: str) -> Any:
    """The application, with what every project has in its settings."""
    settings = importlib.import_module("settings")
    vars(settings).update(SECRET_KEY="of a test", ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    if kind == "django-asgi":
        return importlib.import_module("django.core.asgi").get_asgi_application()
    return importlib.import_module("django.core.wsgi").get_wsgi_application()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
