"""Flask, SQLAlchemy and itsdangerous, as the tutorials do it: a code from Redis, a user from SQL, a signed token.

A check looks at the signature and the age alone; where tutorials load the user as well it costs a statement more.
No limits, no session to revoke. Served by gunicorn: one worker with threads, so that connections are kept alive.
"""

import os
from datetime import UTC, datetime

from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from itsdangerous import BadData, URLSafeTimedSerializer
from redis import Redis
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LIFE = 3_600
SCHEME = "Bearer "


class Base(DeclarativeBase):
    pass


app = Flask("tutorial")
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
db = SQLAlchemy(app, model_class=Base)
codes = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
signer = URLSafeTimedSerializer(os.environ["SECRET"])


class User(db.Model):  # type: ignore[name-defined]
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    mobile: Mapped[str] = mapped_column(unique=True)
    last_login: Mapped[datetime]


with app.app_context():
    db.create_all()


@app.post("/app/v1_0/authorizations")
def log_in() -> ResponseReturnValue:
    mobile, code = request.json["mobile"], request.json["code"]
    key = f"app:code:{mobile}"
    if codes.get(key) != code:
        return {"message": "invalid code"}, 400
    codes.delete(key)
    user = db.session.execute(db.select(User).filter_by(mobile=mobile)).scalar_one_or_none()
    if user is None:
        user = User(mobile=mobile)
        db.session.add(user)
    user.last_login = datetime.now(UTC).replace(tzinfo=None)
    db.session.commit()
    return {"token": signer.dumps({"user_id": user.id})}


@app.get("/app/v1_0/authorizations")
def check() -> ResponseReturnValue:
    token = request.headers.get("authorization", "").removeprefix(SCHEME)
    try:
        g.user_id = signer.loads(token, max_age=LIFE)["user_id"]
    except BadData:
        return {"message": "invalid token"}, 401
    return {"message": "ok", "data": {"user_id": g.user_id}}
