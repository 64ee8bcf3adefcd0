"""Counted links: they lead only where a listed host allows, and nothing in a mail changes but its links."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.delivery.links import Click, Redirects, allowed, read_click, read_open
from tactful.delivery.protocol import Message
from tactful.errors import InvalidSettings

SECRET = b"a secret of ours 1"
COUNTED = Redirects("https://n.example", SECRET, ("app.example", ".shop.example"))


def mail(body: str) -> str:
    message = Message(channel="email", address="a@b.example", type="t", locale="en", body=body, decision_id="d1")
    return COUNTED.in_email(message).body


def clicks(body: str) -> list[Click | None]:
    return [read_click(html.unescape(token), SECRET) for token in re.findall(r"https://n\.example/r/([^\"]*)", body)]


def test_links_of_a_mail_lead_over_the_service_and_an_image_tells_of_the_open() -> None:
    body = mail(
        '<p>\r\n<a class="x" href="https://app.example/p?a=1&amp;b=2">Here</a> or <A HREF=\'https://de.shop.example\'>there</A>.</p>'
    )
    assert clicks(body) == [Click("d1", "https://app.example/p?a=1&b=2"), Click("d1", "https://de.shop.example")]
    image = re.search(r'<img src="https://n\.example/o/([^"]*)" width="1" height="1" alt="">$', body)
    assert image is not None
    assert read_open(image[1], SECRET) == "d1"
    assert body.startswith('<p>\r\n<a class="x" href="https://n.example/r/')


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://elsewhere.example/">x</a>',
        '<a href="mailto:me@app.example">x</a>',
        '<a data-href="https://app.example/">x</a>',
        '<link href="https://app.example/style.css"><p title="<a href=">https://app.example/</p>',
        "<!-- <a href='https://app.example'> -->",
    ],
)
def test_everything_else_is_left_as_it_is(body: str) -> None:
    assert mail(body).startswith(body)


def test_the_image_stands_inside_the_page() -> None:
    assert mail("<html><body><p>Hi</p></body></html>").endswith('alt=""></body></html>')


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "//app.example/", "/path", "", "https://", "https://app.example.evil.example/",
        "https://evil.example/?https://app.example/", "https://app.example@evil.example/", "https://evil.example#@app.example/",
        "https://evil.example\\@app.example/", "https://app.example\n.evil.example", "https://evil.example\t.app.example",
        "https://shop.example/", "https://evilshop.example/", "https://app.example:x/", "https://[::1", "ftp://app.example/",
        "https://app.example/" + "a" * 4000,
    ],
)  # fmt: skip
def test_a_click_is_led_to_no_other_place(url: str) -> None:
    assert not allowed(url, COUNTED.hosts)
    assert COUNTED.click("d1", url) == url


@given(st.data())
def test_a_changed_token_leads_nowhere(data: st.DataObject) -> None:
    token = COUNTED.click("8f14e45fceea167a", "https://app.example/").rsplit("/", 1)[1]
    place = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda one: one != token[place]))
    assert read_click(token[:place] + letter + token[place + 1 :], SECRET) is None


def test_a_token_of_one_use_is_none_of_another() -> None:
    opened, clicked = COUNTED.image("d1"), COUNTED.click("d1", "https://app.example/")
    assert read_click(opened.rsplit("/", 1)[1], SECRET) is None
    assert read_open(clicked.rsplit("/", 1)[1], SECRET) is None
    assert read_open("é", SECRET) is None


def test_a_short_secret_is_refused_and_a_good_one_not_shown() -> None:
    with pytest.raises(InvalidSettings, match="5 bytes"):
        Redirects("https://n.example", b"short", ())
    assert "secret of ours" not in repr(COUNTED)
