"""How operators speak to the service: the private listener's routes, one file per noun. Roles: `ctx_role` of each."""

from service.routes.admin.events import events
from service.routes.admin.explain import explanations
from service.routes.admin.messages import messages
from service.routes.admin.now import now
from service.routes.admin.numbers import numbers
from service.routes.admin.operator_sessions import operator_sessions
from service.routes.admin.operators import keys, operators
from service.routes.admin.people import people
from service.routes.admin.personal_data import personal_data
from service.routes.admin.revocations import revocations
from service.routes.admin.sessions import sessions
from service.routes.admin.webhooks import webhooks
from service.routes.health import health, metrics

BLUEPRINTS = (
    now,
    messages,
    people,
    numbers,
    personal_data,
    sessions,
    revocations,
    webhooks,
    events,
    explanations,
    operators,
    operator_sessions,
    keys,
    health,
    metrics,
)
