"""The console: pages for operators, a file per screen. They call the use cases that the API's routes call, no other."""

from sanic_ext import openapi as documents

from service.http.requests import App
from service.routes.console.events import events
from service.routes.console.find import find
from service.routes.console.language import language
from service.routes.console.log_in import log_in
from service.routes.console.messages import messages
from service.routes.console.now import now
from service.routes.console.openid import openid
from service.routes.console.operators import operators
from service.routes.console.person import person
from service.routes.console.person_acts import person_acts
from service.routes.console.revocations import revocations
from service.routes.console.static import static
from service.routes.console.webhooks import webhooks

BLUEPRINTS = (
    find,
    now,
    messages,
    person,
    person_acts,
    events,
    revocations,
    webhooks,
    operators,
    log_in,
    openid,
    language,
    static,
)


def register(app: App) -> None:
    """Add the pages to the app, and leave them out of the API's description."""
    app.blueprint(BLUEPRINTS)
    for blueprint in BLUEPRINTS:
        documents.exclude(bp=blueprint)
