"""Django REST framework with knox: an opaque token whose digest is in SQL, where a check looks it up.

The login is a view of one's own, as knox' documentation says for other ways than a password: `AuthToken.objects.create`
once the code, from Redis, is right. No limits. Served by gunicorn: one worker with threads.
"""

import os
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from redis import Redis

database = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    SECRET_KEY=os.environ["SECRET"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "knox"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database.path.lstrip("/"),
            "USER": database.username,
            "HOST": parse_qs(database.query)["host"][0],
            "CONN_MAX_AGE": 60,
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["knox.auth.TokenAuthentication"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - Django's models need its settings
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from knox.models import AuthToken  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import ValidationError  # noqa: E402
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

codes = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


class Authorizations(APIView):
    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if self.request.method == "POST" else super().get_authenticators()

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if self.request.method == "POST" else IsAuthenticated()]

    def post(self, request: Request) -> Response:
        mobile, code = request.data["mobile"], request.data["code"]
        key = f"app:code:{mobile}"
        if codes.get(key) != code:
            raise ValidationError("invalid code")
        codes.delete(key)
        user, _ = User.objects.get_or_create(username=mobile)
        _, token = AuthToken.objects.create(user)
        return Response({"token": token})

    def get(self, request: Request) -> Response:
        return Response({"message": "ok", "data": {"user_id": request.user.id}})


urlpatterns = [path("app/v1_0/authorizations", Authorizations.as_view())]
call_command("migrate", verbosity=0)
application = get_wsgi_application()
