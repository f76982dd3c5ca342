"""No page of the console says anything that is not in the catalogues."""

from pathlib import Path

import pytest
from jinja2 import Environment

from service.http import localized
from tests.processes import ROOT
from tests.template_texts import Untranslated, given_to_gettext, untranslated
from tests.texts import can_be_filled

CONSOLE = ROOT / "service" / "routes" / "console" / "templates"


@pytest.fixture(scope="module")
def environment() -> Environment:
    environment = Environment(autoescape=True)
    localized.install(environment)
    return environment


def texts_of(folder: Path, environment: Environment) -> list[tuple[str, Untranslated]]:
    paths = sorted(folder.rglob("*.html"))
    return [(path.name, found) for path in paths for found in untranslated(environment, path.read_text("utf-8"))]


def test_no_template_says_what_no_translator_has_seen(environment: Environment) -> None:
    assert texts_of(CONSOLE, environment) == []


def test_templates_are_found_in_folders_of_a_folder(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "good.html").write_text("<p>{{ _('Sessions') }}</p>", "utf-8")
    (tmp_path / "events" / "_row.html").write_text("<p>Sessions</p>", "utf-8")
    assert texts_of(tmp_path, environment) == [("_row.html", Untranslated("p", "Sessions"))]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<h1>Sessions</h1>", "Sessions"),
        ("<h1>会话</h1>", "会话"),
        ("{% if x %}<p>Live</p>{% else %}<p>{{ _('Ended') }}</p>{% endif %}", "Live"),
        ("{% for x in y %}{{ x }}{% else %}<p>None</p>{% endfor %}", "None"),
        ("{% block title %}Devices{% endblock %}", "Devices"),
        ("{% macro row(x) %}<td>until {{ x }}</td>{% endmacro %}", "until \ufffc"),
        ("{% set label %}Revoke{% endset %}", "Revoke"),
        ("<p>{{ n }} devices &amp; {{ m }}</p>", "\ufffc devices & \ufffc"),
        ("<p>Redis is away</p>", "Redis is away"),
        ("{{ 'live' if x else _('ended') }}", "live\ufffc"),
        ("{{ x or 'nobody' }}", "\ufffcnobody"),
        ("{{ x | default('never') }}", "\ufffcnever"),
        ("{{ 'until ' ~ x }}", "until \ufffc"),
        ("{{ ('<b>never</b>') | safe }}", "<b>never</b>"),
        ("{{ button('End all') }}", "End all"),
        ("{{ button(label='Disable') }}", "Disable"),
        ("{% call panel('Time line') %}{% endcall %}", "Time line"),
        ("{% for kind, label in [('login', 'Logged in')] %}{{ label }}{% endfor %}", "Logged in"),
        ("{% set states = {'on': 'Enabled'} %}", "Enabled"),
        ("{% macro row(label='Save') %}{{ label }}{% endmacro %}", "Save"),
        ("{{ _('%(who)s left', who='Somebody else') }}", "Somebody else"),
        ("{% trans who='Somebody else' %}{{ who }} left{% endtrans %}", "Somebody else"),
        ("<a title='Close'></a>", "Close"),
        ("<a title=\"{{ 'live' if x else y }}\"></a>", "live\ufffc"),
        ("<p>{{ x | replace(y, 'Gone.') }}</p>", "Gone."),
        ("{{ labels('one after another') }}", "one after another"),
        ("{{ labels['会话'] or labels.get('会话') }}", "会话"),
        ("<input placeholder='Number or id'>", "Number or id"),
        ('<nav aria-label="Screens"></nav>', "Screens"),
        ("<img alt='Logins by minute'>", "Logins by minute"),
        ("<img alt='{{ n }} logins'>", "\ufffc logins"),
        ("<button hx-confirm='Sure?'>✕</button>", "Sure?"),
        ("<input type=submit value=Find>", "Find"),
        ("<p data-empty='Nothing yet'></p>", "Nothing yet"),
        ("<br><p>text</p>", "text"),
        ("<li><code>x</code>text</li>", "text"),
        ("<p translate=no><b>x</b></p><i>text</i>", "text"),
        ("<svg><path d='M0 0'/><text>text</text></svg>", "text"),
    ],
)
def test_a_text_of_its_own_is_found(environment: Environment, source: str, text: str) -> None:
    assert [found.text for found in untranslated(environment, source)] == [text]


@pytest.mark.parametrize(
    "source",
    [
        "<h1>{{ _('Sessions') }}</h1>",
        "<p>{% trans n=count %}{{ n }} device{% pluralize %}{{ n }} devices{% endtrans %}</p>",
        "<p>{{ ngettext('%(num)s code', '%(num)s codes', n) }} {{ pgettext('verb', 'End') }}</p>",
        '<a title="{{ _(\'Close\') }}" aria-label="{% trans %}Close{% endtrans %}">✕</a>',
        "<title>Latch</title> <p>Redis · {{ x }} — 24/7, 99 %&nbsp;…</p>",
        "<a href='/events.csv' class='button wide' data-kind='login' id='find'>CSV</a>",
        "<p><code>latch keys add {{ name }}</code> <kbd>Enter</kbd></p>",
        "<p translate='no'>{{ x }} GET <b>DEL</b></p>",
        "{# A remark #}<!-- and another -->",
        "{% if x == 'Disabled' %}{{ x['Some key'] }}{% endif %}{% include '_row.html' %}{% extends 'page.html' %}",
        "<a href=\"{{ url_for('console.events', kind='login') }}\">{{ x.strftime('%H:%M') }}</a>",
        "{{ x | join(', ') }}{% if x is divisibleby 2 %}{% endif %}{{ x | attr('name') }}",
        "{% macro row(open=False) %}{% endmacro %}{{ row(open=True) }}",
        "<input type=hidden name=csrf value=abc><script src='/static/console.js'></script>",
        "<tr class=\"{{ 'live' if x else 'dead' }} {{ x or 'none' }}\">{{ button(_('End'), 'wide danger') }}</tr>",
        "<p {% if x %}class='a b'{% else %}hidden{% endif %}></p>",
    ],
)
def test_what_is_translated_or_needs_none_is_let_through(environment: Environment, source: str) -> None:
    assert untranslated(environment, source) == []


def test_a_text_in_a_template_can_be_filled_in(environment: Environment) -> None:
    """Jinja fills every one: a per cent sign of its own is doubled."""
    given = [
        text for path in CONSOLE.rglob("*.html") for text in given_to_gettext(environment, path.read_text("utf-8"))
    ]
    assert [text for text in given if not can_be_filled(text)] == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("{{ _('50 %') }}", {"50 %": False}),
        ("{{ _('50 %%') }}{{ button(label=_('End')) }}", {"50 %%": True, "End": True}),
        ("{% trans %}50 % of {{ x }}{% endtrans %}", {"50 %% of %(x)s": True}),
        ("{{ ngettext('one', '%(num)s %', n) }}", {"one": True, "%(num)s %": False}),
    ],
)
def test_a_per_cent_sign_alone_is_found(environment: Environment, source: str, texts: dict[str, bool]) -> None:
    assert {text: can_be_filled(text) for text in given_to_gettext(environment, source)} == texts
