"""The console in a real browser: Debian's Chromium, with an authenticator that is made of software.

One service and one browser serve all tests; each has an operator, and people, of its own.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, expect

from service.http.console import COOKIE
from tests.browser import chromium, needs_chromium
from tests.client import bearer
from tests.processes import Service, free_port, run

pytestmark = [pytest.mark.slow, needs_chromium]

expect.set_options(timeout=8_000)
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
SCRIPT = "<script>alert(1)</script>"
EMOJI = "\N{GRINNING FACE}" * 64


class Desk:
    """A service whose console is on, and a browser before it."""

    def __init__(self, latch: Service, port: int, browser: Browser) -> None:
        self.latch = latch
        self.port = port
        self.url = f"http://localhost:{port}"
        self.browser = browser

    def printed_link(self, name: str) -> str:
        """What the command prints for a new owner."""
        done = run(f"operators add {name} --role owner", self.latch.data_dir, ADMIN_PORT=self.port)
        found = re.search(r"http://\S+/enrol#\S+", done.stdout)
        assert found, done
        return found[0]

    @cached_property
    def key(self) -> str:
        """An owner's key: by HTTP operators are added without a process each."""
        return run("keys add desk --role owner", self.latch.data_dir, ADMIN_PORT=self.port).stdout.split()[0]

    def link(self, name: str, role: str) -> str:
        """The link of a new operator."""
        body = {"name": name, "role": role}
        response = self.latch.http.post(f"{self.url}/admin/v1/operators", json=body, headers=bearer(self.key))
        assert response.status_code == 201, response.text
        return str(response.json()["data"]["link"])

    @contextmanager
    def page(self, **options: object) -> Iterator[Page]:
        """A page of a browser that nobody has used, on which nothing may go wrong unseen."""
        with self.browser.new_context(base_url=self.url, **options) as context:  # type: ignore[arg-type]
            wrong: list[str] = []
            context.on("weberror", lambda error: wrong.append(str(error.error)))
            context.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
            page = context.new_page()
            page.set_default_timeout(8_000)
            yield page
            # A status that is meant is told there too; a violation of the policy and an error of a script are not.
            assert [text for text in wrong if not text.startswith("Failed to load resource")] == []

    @contextmanager
    def operator(self, name: str, role: str, **options: object) -> Iterator[Page]:
        """Somebody who has just enrolled and sees the first screen."""
        with self.page(**options) as page:
            with_authenticator(page)
            enrol(page, self.link(name, role))
            yield page


def with_authenticator(page: Page) -> None:
    protocol = page.context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    protocol.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def enrol(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("searchbox")).to_be_visible()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    port = free_port()
    with Service(tmp_path_factory.mktemp("desk") / "data", ADMIN_PORT=port) as latch, chromium() as browser:
        yield Desk(latch, port, browser)


def test_an_operator_enrols_by_the_printed_link_logs_out_and_logs_in_by_the_passkey(desk: Desk) -> None:
    with desk.page() as page:
        with_authenticator(page)
        link = desk.printed_link("ada")
        page.goto(link)
        expect(page.locator("#name")).to_have_text("ada")
        assert page.url == f"{desk.url}/enrol"  # the secret stands in the address bar no longer
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("searchbox")).to_be_focused()
        assert page.url == f"{desk.url}/"
        page.go_back()
        assert link.rpartition(".")[2] not in page.url + page.content()
        page.goto("/")
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{desk.url}/log-in")
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.get_by_text("ada", exact=True)).to_be_visible()


def test_a_link_is_good_once(desk: Desk) -> None:
    link = desk.link("bob", "look")
    with desk.page() as page:
        with_authenticator(page)
        enrol(page, link)
    with desk.page() as page:
        with_authenticator(page)
        page.goto(link)
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert not page.context.cookies()


def test_a_device_that_is_ended_is_refused_at_its_next_check_and_a_disabled_person_at_every_one(desk: Desk) -> None:
    phone, tablet = (desk.latch.log_in_on(device, "13800138001")["token"] for device in ("Phone", "Tablet"))
    with desk.operator("cleo", "act") as page:
        page.get_by_role("searchbox").press_sequentially("13800138001")
        page.locator("#found").get_by_role("link").click()  # found while one types, without Enter
        assert "13800138001" not in page.url
        expect(page.get_by_role("link", name=re.compile("^End: "))).to_have_count(2)
        page.get_by_role("link", name="End: Phone").click()
        page.get_by_label(re.compile("Reason")).fill("lost phone")
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_role("link", name=re.compile("^End: "))).to_have_count(1)
        assert [desk.latch.is_live(token) for token in (phone, tablet)] == [False, True]
        page.get_by_role("link", name="Disable").click()
        page.get_by_label(re.compile("Reason")).fill("stolen")
        page.get_by_role("button", name="Disable").click()
        expect(page.locator("#status")).to_have_text("disabled")
        expect(page.get_by_text("logged in nowhere")).to_be_visible()
        assert not desk.latch.is_live(tablet)


def test_many_are_revoked_after_a_count_and_a_typed_confirmation(desk: Desk) -> None:
    tokens = [desk.latch.log_in(f"1390013900{number}")["token"] for number in range(5)]
    with desk.operator("dora", "act") as page:
        page.get_by_role("link", name="Revoke many").click()
        page.get_by_label("Number begins with").fill("1390013900")
        page.get_by_role("button", name="Count").click()
        expect(page.locator(".big")).to_have_text("5 sessions")
        assert all(map(desk.latch.is_live, tokens))
        page.get_by_label("Type the number of sessions").fill("5")
        page.get_by_role("button", name="End 5 sessions").click()
        expect(page.get_by_text("Done: 5 of 5 sessions have ended.")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_attribute("value", "5")
        assert not any(map(desk.latch.is_live, tokens))


def test_whose_sessions_are_deleted_in_redis_is_back_at_the_log_in_at_the_next_click(desk: Desk) -> None:
    with desk.operator("emil", "act") as page:
        with redis.Redis(unix_socket_path=str(desk.latch.data_dir / "redis.sock")) as store:
            assert store.delete("operator:{emil}:sessions") == 1
        page.get_by_role("link", name="Events").click()
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.get_by_role("heading", level=1, name="What has happened?")).to_be_visible()


def test_whoever_looks_sees_no_button_and_is_refused_when_posting_by_hand(desk: Desk) -> None:
    data = desk.latch.log_in("13800138003")
    with desk.operator("finn", "look") as page:
        page.goto(f"/people/{data['user_id']}")
        assert page.locator("main").locator("a.button, button").all_text_contents() == []
        csrf = page.locator("[name=csrf]").first.input_value()
        status = page.evaluate(
            "async ([path, csrf]) => (await fetch(path, {method: 'POST', body: new URLSearchParams({csrf})})).status",
            [f"/people/{data['user_id']}/disable", csrf],
        )
        assert status == 403
        assert desk.latch.is_live(data["token"])


@pytest.mark.parametrize(("name", "mobile"), [(SCRIPT, "13800138004"), (EMOJI, "13800138005")], ids=["script", "emoji"])
def test_a_name_is_shown_as_it_is_whatever_stands_in_it(desk: Desk, name: str, mobile: str) -> None:
    data = desk.latch.log_in(mobile)
    with desk.operator(f"gert{mobile}", "act") as page:
        page.goto(f"/people/{data['user_id']}/rename")
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.goto("/")
        expect(page.locator("#found").get_by_role("link", name=name, exact=True)).to_be_visible()


def test_all_but_the_log_in_works_without_scripts(desk: Desk) -> None:
    token = desk.latch.log_in_on("Phone", "13800138006")["token"]
    with desk.operator("hans", "act") as page:
        [cookie] = page.context.cookies()
    with desk.page(java_script_enabled=False) as page:
        page.goto("/log-in")
        expect(page.locator("noscript p")).to_be_visible()  # playwright finds no text inside of <noscript>
        plant(page.context, cookie["value"], desk.port)
        page.goto("/")
        page.get_by_role("searchbox").fill("13800138006")
        page.get_by_role("button", name="Find").click()
        page.locator("#found").get_by_role("link").click()
        page.get_by_role("link", name="End all").click()
        page.get_by_role("button", name="End all").click()
        expect(page.get_by_text("logged in nowhere")).to_be_visible()
        assert not desk.latch.is_live(token)


def plant(context: BrowserContext, cookie: str, port: int) -> None:
    """Have a session without a log-in. A cookie of this name is planted over https alone, and then sent here too."""
    url = f"https://localhost:{port}/"
    context.add_cookies([{"name": COOKIE, "value": cookie, "url": url, "httpOnly": True, "sameSite": "Strict"}])
