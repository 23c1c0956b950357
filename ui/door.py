"""The door: who may come in.

Open without asking only for a browser on this very machine, or for everybody in a read-only demo. Anybody else needs
the shared password or a sign-in, and where neither is set up nothing is shown but how to do that.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from rag.passwords import verify_password
from rag.settings import Settings
from ui.text import escape_markdown

FREE_TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds. Guessing is slowed for everybody at once, so a wait must be one that the owner can sit out."""

_SET_UP = """
This Footnote can be reached from other machines, so it shows no documents until you have decided who may read them.

1. Run `python -m rag hash-password` and type a password.
2. Put the hash it prints into `.streamlit/secrets.toml` (or the app's secrets):
   `RAG_PASSWORD_HASH = '…'`
3. Restart Footnote.

Instead of a password you can set up sign-in (an `[auth]` section in the secrets; `.streamlit/secrets.toml.example`
shows one), or let everybody ask but nobody change anything (`RAG_DEMO = true`).
"""


class Throttle:
    """Slows down guessing, for all visitors together: after five wrong tries each costs twice the wait before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong = 0
        self._open_at = 0.0

    def wait(self) -> float:
        """Seconds until the next try counts."""
        return max(0.0, self._open_at - self._clock())

    def attempt(self, check: Callable[[], bool]) -> bool:
        """Whether the check passed. While there is a wait nothing is checked. One check runs at a time."""
        with self._lock:
            if self.wait() > 0:
                return False
            if check():
                self._wrong = 0
                return True
            self._wrong += 1
            if self._wrong >= FREE_TRIES:
                self._open_at = self._clock() + min(LONGEST_WAIT, 2.0 ** (self._wrong - FREE_TRIES + 1))
            return False


_throttle = Throttle()


def on_this_machine(address: str, headers: Mapping[str, str]) -> bool:
    """Whether the server listens to this machine only and the request was made on it, by what its headers say.

    A proxy shows by its forwarding headers, or by a page address (Origin) elsewhere.
    """
    given = {name.lower(): value for name, value in headers.items()}
    if any(name in ("forwarded", "via", "x-real-ip") or name.startswith("x-forwarded-") for name in given):
        return False
    host, origin = given.get("host"), given.get("origin")
    return (
        _is_loopback(f"//{address}")
        and (host is None or _is_loopback(f"//{host}"))
        and (origin is None or _is_loopback(origin))
    )


def is_here() -> bool:
    """Whether whoever reads sits at the machine that Footnote runs on."""
    return on_this_machine(str(st.get_option("server.address") or ""), st.context.headers.to_dict())


def _is_loopback(address: str) -> bool:
    try:
        name = urlsplit(address).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def guard(settings: Settings, secrets: Mapping[str, Any]) -> None:
    """Return if the visitor may come in; else draw the door and stop the page."""
    password_hash = settings.password_hash.get_secret_value()
    if "auth" in secrets:
        _sign_in(secrets)
    elif password_hash:
        _ask_password(password_hash)
    elif not settings.demo and not is_here():
        st.title("Footnote is not open yet")
        st.markdown(_SET_UP)
        st.stop()


def reader() -> str:
    """Who reads: the signed-in user's e-mail address, or where they have none the name that their provider gave them
    alone, which has upper and lower case. Empty without a sign-in: whoever may come in is the same reader then."""
    if not st.session_state.get("signed_in"):
        return ""
    if email := st.user.get("email"):
        return str(email).lower()
    return f"{st.user.get('iss', '')} {st.user['sub']}"  # with a space, which no e-mail address has


def leave_button() -> None:
    """A way out, for those who came in by password or sign-in."""
    if st.session_state.get("admitted"):
        st.button("Lock", icon=":material/lock:", type="tertiary", on_click=lambda: st.session_state.pop("admitted"))
    elif st.session_state.get("signed_in"):
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)


def _ask_password(password_hash: str) -> None:
    # What is remembered is the hash: a changed password closes the door again.
    if st.session_state.get("admitted") == password_hash:
        return
    st.title("Footnote", anchor=False)
    with st.form("door", border=False, width=420):
        password = st.text_input("Password", type="password", autocomplete="current-password")
        tried = st.form_submit_button("Open", type="primary")
    if tried and password and _throttle.wait() == 0:
        if _throttle.attempt(lambda: verify_password(password, password_hash)):
            st.session_state["admitted"] = password_hash
            st.rerun()
        st.error("That is not the password.", icon=":material/lock:", width=420)
    if (wait := _throttle.wait()) > 0:
        st.warning(f"There were too many wrong tries. Try again in {wait:.0f} seconds.", width=420)
    st.stop()


def _sign_in(secrets: Mapping[str, Any]) -> None:
    if st.user.is_logged_in and may_enter(st.user.to_dict(), secrets.get("allowed_emails")):
        st.session_state["signed_in"] = True
        return
    st.session_state.pop("signed_in", None)
    st.title("Footnote")
    if st.user.is_logged_in:
        st.error(_why_not(st.user.to_dict()))
        st.button("Use another account", on_click=st.logout)
    else:
        st.markdown("Sign in to read and ask.")
        st.button("Sign in", type="primary", on_click=st.login)
    st.stop()


def may_enter(user: Mapping[str, Any], allowed_emails: Any) -> bool:
    """Whether a signed-in user is among the allowed ones; without a list everybody is who can sign in.

    Nobody enters by an address that their provider calls unverified: they may have typed somebody else's.
    """
    if _is_unverified(user):
        return False
    if allowed_emails is None:
        return True
    return str(user.get("email", "")).lower() in {str(one).lower() for one in allowed_emails}


def _is_unverified(user: Mapping[str, Any]) -> bool:
    """Whether the provider says so; many say nothing, and some say it as text."""
    verified = user.get("email_verified")
    return bool(user.get("email")) and verified is not None and str(verified).lower() != "true"


def _why_not(user: Mapping[str, Any]) -> str:
    who = escape_markdown(str(user.get("email", "This account")))
    if _is_unverified(user):
        return f"{who} is not verified. Have your sign-in provider verify the address, then sign in again."
    return f"{who} is not on the list of readers."
