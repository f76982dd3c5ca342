"""How the world speaks to the service: HTTP in, use cases called, HTTP out. The table of contents of the API.

Knows neither the stores nor the senders. Statuses, headers and paths live here and nowhere else.
"""

from service.routes.authorizations import CHECK, LOG_IN, REFRESH, authorizations
from service.routes.captcha import captcha
from service.routes.codes import codes
from service.routes.forward_auth import FORWARD_AUTH, forward_auth
from service.routes.health import health
from service.routes.introspection import introspection, metadata
from service.routes.sessions import sessions
from service.routes.users import users

FAST_ROUTES = (CHECK, REFRESH, LOG_IN, FORWARD_AUTH)
BLUEPRINTS = (authorizations, captcha, codes, forward_auth, introspection, metadata, sessions, users, health)
