"""Clients that break one rule each, as apps in the field do. The judge must find every one of them."""

import asyncio
import uuid

from tests.clients.reference_client import AUTHORIZATIONS, Client, LoggedOut, Pair, Response, Unavailable


class OutOnAnyFailure(Client):
    """Whatever is no 200 to a refresh is the end: 503 too."""

    def is_over(self, response: Response | None) -> bool:
        return response is not None


class OutOnALostAnswer(Client):
    """No answer to a refresh is the end."""

    def is_over(self, response: Response | None) -> bool:
        return response is None or super().is_over(response)


class OutOnAnyRefusal(Client):
    """A 403 to a refresh is the end, whoever says it."""

    def is_over(self, response: Response | None) -> bool:
        return response is not None and response.status == 403


class OutOnABackendsRefusal(Client):
    """A backend's 403 is the end."""

    async def ask(self, path: str, held: Pair) -> Response | None:
        response = await super().ask(path, held)
        if response is not None and response.status == 403:
            self.stored = None
            raise LoggedOut
        return response


class TriesTheDeadForEver(Client):
    """Does not believe that a session is over."""

    def is_over(self, response: Response | None) -> bool:
        return False


class RefreshesOnEvery401(Client):
    """Refreshes and retries until it gets something else."""

    async def get(self, path: str) -> Response | None:
        while True:
            if self.stored is None:
                raise LoggedOut
            held = self.stored
            response = await self.ask(path, held)
            if response is None or response.status != 401:
                return response
            await self.refreshed(held)


class RefreshesBeforeEach(Client):
    """Refreshes before each request, to be sure."""

    def is_due(self, held: Pair) -> bool:
        return True


class NeverRefreshes(Client):
    """Goes on with the access token that it has."""

    def is_due(self, held: Pair) -> bool:
        return False

    async def refreshed(self, sent: Pair) -> Pair:
        return sent


class LogsInOn401(Client):
    """Takes every 401 for the end of the session."""

    async def refreshed(self, sent: Pair) -> Pair:
        self.stored = None
        raise LoggedOut


class LogsOutFirst(Client):
    """On a failed refresh it tells Latch that it logs out, for tidiness."""

    tries = 1

    async def refresh(self, held: Pair) -> Pair:
        try:
            return await super().refresh(held)
        except Unavailable:
            await self.send("DELETE", AUTHORIZATIONS, headers={"Authorization": f"Bearer {held.token}"})
            self.stored = None
            raise LoggedOut from None


class KeepsOldTokens(Client):
    """Stores new refresh tokens, and comes back to the one of its login now and then."""

    first: Pair | None = None
    turns = 0

    async def refresh(self, held: Pair) -> Pair:
        self.first = self.first or held
        self.turns += 1
        back = self.turns % 3 == 0
        try:
            return await super().refresh(self.first if back else held)
        except LoggedOut:
            self.first = None
            raise


class LogsInAnewAfterALostAnswer(Client):
    """Gives each try of a login an id of its own."""

    async def log_in(self, mobile: str, code: str) -> None:
        for number in range(self.tries):
            named = {"X-Request-ID": uuid.uuid4().hex}
            response = await self.send("POST", AUTHORIZATIONS, headers=named, json={"mobile": mobile, "code": code})
            if pair := self.pair_in(response):
                self.stored = pair
                return
            await self.wait(number, response)


class StoresJunk(Client):
    """Takes every 200 for an answer of Latch's."""

    def pair_in(self, response: Response | None) -> Pair | None:
        if response is None or response.status != 200:
            return None
        return super().pair_in(response) or Pair("undefined", "undefined", self.clock() + 3600, 3600)


class GivesUp(Client):
    """Once Latch could not be reached it asks for nothing any more."""

    tries = 1

    given_up = False

    async def get(self, path: str) -> Response | None:
        if self.given_up:
            return None
        try:
            return await super().get(path)
        except Unavailable:
            self.given_up = True
            raise


class ManyAtOnce(Client):
    """Refreshes as often at once as it was refused, with whatever token each had: the rule of Latch allows that."""

    async def refreshed(self, sent: Pair) -> Pair:
        await asyncio.sleep(0)
        if self.stored is None:
            raise LoggedOut
        return await self.refresh(sent)


class KeepsTheFirst(Client):
    """Keeps the refresh token of its login for ever, as apps in the field do: the rule of Latch allows that too."""

    async def refresh(self, held: Pair) -> Pair:
        pair = await super().refresh(held)
        self.stored = pair._replace(refresh_token=held.refresh_token)
        return self.stored
