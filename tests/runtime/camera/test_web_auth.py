"""Tokens, sessions and the rates at which clients may ask."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.config import WebSection
from deepbiq.camera.web.auth import SESSION_S, Sessions, is_loopback, read_token, required_token
from deepbiq.camera.web.limits import RateLimit
from deepbiq.errors import OptionError
from tests.runtime.camera.web_material import TOKEN


@pytest.fixture
def token_file(tmp_path):
    def write(content, mode=0o600):
        path = tmp_path / "token"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_token(host):
    assert is_loopback(host)
    assert required_token(WebSection(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "camera.example", "localhost.example", ""])
def test_any_other_address_needs_one_and_the_error_says_how_to_make_it(host):
    assert not is_loopback(host)
    with pytest.raises(OptionError, match=r"secrets.*web\.token_file"):
        required_token(WebSection(host=host))


def test_a_token_file_is_read_for_any_address(token_file):
    path = token_file(f"{TOKEN}\n".encode())
    assert required_token(WebSection(host="0.0.0.0", token_file=path)) == TOKEN
    assert required_token(WebSection(host="127.0.0.1", token_file=path)) == TOKEN


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "got 0 characters"),
        (b"fifteen-letters", "at least 16 characters"),
        (b"two words of some length", "without spaces"),
        (b"two-lines-of-some\nlength", "one token"),
        ("sixteen-ümläuts-and-more".encode(), "ASCII"),
    ],
)
def test_what_is_no_token_is_refused(token_file, content, fault):
    with pytest.raises(OptionError, match=fault):
        read_token(token_file(content))


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_token_that_everybody_may_read_is_refused(token_file, mode):
    with pytest.raises(OptionError, match="chmod 600"):
        read_token(token_file(TOKEN.encode(), mode))


def test_a_missing_token_file_is_refused(tmp_path):
    with pytest.raises(OptionError, match="No such file"):
        read_token(tmp_path / "nothing")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_token_file_is_refused(token_file):
    with pytest.raises(OptionError, match="Permission denied"):
        read_token(token_file(TOKEN.encode(), 0o000))


def test_a_session_ends_and_belongs_to_its_token():
    clock = Clock()
    sessions = Sessions(TOKEN, clock)
    session = sessions.begin()
    assert sessions.is_session(session)
    assert not Sessions(TOKEN[::-1], clock).is_session(session)
    clock.now += SESSION_S - 1
    assert sessions.is_session(session)
    clock.now += 1
    assert not sessions.is_session(session)


@given(st.text(max_size=120), st.integers(0, 200))
def test_nothing_but_the_token_and_its_sessions_opens(text, place):
    sessions = Sessions(TOKEN, Clock())
    session = sessions.begin()
    assert sessions.is_token(text) == (text == TOKEN)
    forged = session[:place] + text + session[place + len(text) :]
    assert sessions.is_session(forged) == (forged == session)


def test_a_bucket_empties_and_refills():
    clock = Clock()
    rate = RateLimit(6, clock)
    assert [rate.take("10.0.0.1") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    assert rate.take("10.0.0.2") == 0
    clock.now += 4
    assert rate.take("10.0.0.1") == 6
    clock.now += 6
    assert rate.take("10.0.0.1") == 0
    assert rate.take("10.0.0.1") == 10


def test_the_addresses_of_one_ipv6_network_share_a_bucket():
    rate = RateLimit(1, Clock())
    assert rate.take("2001:db8:0:1::1") == 0
    assert rate.take("2001:db8:0:1:ffff::2") == 60
    assert rate.take("2001:db8:0:2::1") == 0


def test_many_addresses_do_not_fill_the_memory():
    rate = RateLimit(1, Clock())
    for number in range(5000):
        assert rate.take(f"10.0.{number // 256}.{number % 256}") == 0
    assert rate.take("10.0.0.0") == 0, "the oldest was forgotten"
    assert rate.take("10.0.19.135") == 60, "the newest was not"


@given(st.integers(1, 300), st.lists(st.floats(0, 30), max_size=100))
def test_no_schedule_gets_more_than_capacity_and_refill(per_minute, gaps):
    clock = Clock()
    rate, served, start = RateLimit(per_minute, clock), 0, clock.now
    for gap in gaps:
        clock.now += gap
        served += rate.take("10.0.0.1") == 0
    assert served <= per_minute + (clock.now - start) * per_minute / 60 + 1e-6
