"""The typed attributes of `app.ctx`: what a route may use."""

from typing import TYPE_CHECKING, Any

from config import Settings
from service.accounts import Accounts
from service.authorizations import Authorizations
from service.captchas import Captcha
from service.code_issuer import CodeIssuer
from service.codes import Codes
from service.dead_letters import DeadLetters
from service.delivery import Delivery
from service.events import Events
from service.health import Health
from service.logins import Logins
from service.lookup import Lookup
from service.message_figures import MessageFigures
from service.now import Now
from service.numbers import Numbers
from service.observability.telemetry import Telemetry
from service.operator_sessions import OperatorSessions
from service.operators import Keys, Operators
from service.people import People
from service.personal_data import PersonalData
from service.revocations import Revocations
from service.runtime.admission import AdmissionController
from service.runtime.background import BackgroundTasks
from service.runtime.periodic import Periodic
from service.sessions import Sessions
from service.trail import Trail
from service.users import Users

if TYPE_CHECKING:  # their libraries take long to import, and workers need none of them
    from service.openid_logins import OpenIdLogins
    from service.operator_logins import OperatorLogins


class Context:
    """Joined by `app.py`, one per worker. No slots: sanic-ext keeps attributes of its own here too."""

    settings: Settings
    accounts: Accounts
    authorizations: Authorizations
    census: Periodic  # on the private listener alone
    captcha: Captcha | None  # None: off
    code_issuer: CodeIssuer
    codes: Codes
    background: BackgroundTasks
    cors: Any  # sanic-ext's own, where CORS_ORIGINS is set
    dead_letters: DeadLetters  # on the private listener alone
    delivery: Delivery
    events: Events
    fast_routes: Any  # FastRoutes of http/fastpath.py, which knows this class
    health: Health
    keys: Keys  # this one, operators and people on the private listener alone
    logins: Logins
    lookup: Lookup  # on the private listener alone
    message_figures: MessageFigures  # on the private listener alone
    numbers: Numbers  # on the private listener alone
    now: Now  # on the private listener alone
    openid: "OpenIdLogins | None"  # on the private listener alone; None: there is no provider
    operators: Operators
    operator_logins: "OperatorLogins"  # on the private listener alone
    operator_sessions: OperatorSessions  # on the private listener alone
    people: People
    personal_data: PersonalData  # on the private listener alone
    admission: AdmissionController
    telemetry: Telemetry
    revocations: Revocations  # on the private listener alone
    sessions: Sessions
    trail: Trail  # on the private listener alone
    users: Users
