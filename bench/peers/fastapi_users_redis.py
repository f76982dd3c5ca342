"""fastapi-users with its Redis strategy: an opaque token in Redis, which a check trades for a user from SQL.

Its own login asks for a password, whose hash is slow on purpose; compared is a login by code, as its documentation
builds routes of one's own: `Strategy.write_token` once the code is right. No limits. Served by uvicorn, one worker.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from fastapi_users import BaseUserManager, FastAPIUsers, IntegerIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, RedisStrategy
from fastapi_users.db import SQLAlchemyBaseUserTable, SQLAlchemyUserDatabase
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LIFE = 3_600
NO_PASSWORD = "!"


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTable[int], Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True, index=True)


class UserManager(IntegerIDMixin, BaseUserManager[User, int]):
    reset_password_token_secret = os.environ["SECRET"]
    verification_token_secret = os.environ["SECRET"]


class Credentials(BaseModel):
    mobile: str
    code: str


engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"))
sessions = async_sessionmaker(engine, expire_on_commit=False)
redis = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Opened = Annotated[AsyncSession, Depends(session)]


async def manager(opened: Opened) -> AsyncIterator[UserManager]:
    yield UserManager(SQLAlchemyUserDatabase(opened, User))


def strategy() -> RedisStrategy[User, int]:
    return RedisStrategy(redis, lifetime_seconds=LIFE)


backend = AuthenticationBackend("redis", BearerTransport("login"), strategy)
current_user = FastAPIUsers[User, int](manager, [backend]).current_user(active=True)


@asynccontextmanager
async def life(_app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=life)


@app.post("/app/v1_0/authorizations")
async def log_in(
    credentials: Credentials, opened: Opened, written: Annotated[RedisStrategy[User, int], Depends(strategy)]
) -> dict[str, Any]:
    key = f"app:code:{credentials.mobile}"
    if await redis.get(key) != credentials.code:
        raise HTTPException(400, "invalid code")
    await redis.delete(key)
    users = SQLAlchemyUserDatabase(opened, User)
    email = f"{credentials.mobile}@example.com"
    user = await users.get_by_email(email)
    if user is None:
        user = await users.create({"email": email, "hashed_password": NO_PASSWORD})
    return {"token": await written.write_token(user)}


@app.get("/app/v1_0/authorizations")
async def check(user: Annotated[User, Depends(current_user)]) -> dict[str, Any]:
    return {"message": "ok", "data": {"user_id": user.id}}
