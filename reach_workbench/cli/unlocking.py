"""The keys and kept secrets of the home, and the passphrase asked for on the terminal where they are sealed."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from reach_workbench.cli.session import Session
from reach_workbench.clock import SystemClock
from reach_workbench.errors import UsageError
from reach_workbench.keys.keystore import NEW_PASSPHRASE, KeyStore

if TYPE_CHECKING:
    from types import FrameType

_TERMINAL: Final = "/dev/tty"


def key_store(session: Session) -> KeyStore:
    """The home's keys; nothing is touched or asked until one is needed."""

    def passphrase() -> str | None:
        return _passphrase(session, store.is_new)

    @contextmanager
    def waiting(seconds: float) -> Iterator[None]:
        with interrupting(), session.waiting(seconds):
            yield

    settings = session.settings
    store = KeyStore.open(settings.home, SystemClock(), passphrase=passphrase, settings=settings.keys, waiting=waiting)
    return store


def user(session: Session, name: str | None) -> str:
    """The name given, or whose key is meant without one; raises UsageError when nobody knows."""
    if name or session.settings.keys.user:
        return name or session.settings.keys.user
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise UsageError("this machine does not say who you are", hint="give a NAME, or set REACH_KEYS_USER") from None


def ask_unseen(prompt: str) -> str:
    """What a person types at the terminal, which does not show it. Ctrl-C leaves the command, as anywhere else.

    While it asks nothing else of this process goes on: an event loop's own way with Ctrl-C would keep the terminal
    waiting, and unable to show what is typed.
    """
    try:
        with interrupting():
            return getpass.getpass(prompt)
    except EOFError:
        return ""


@contextmanager
def interrupting() -> Iterator[None]:
    """Let Ctrl-C end what waits in the main thread, where an event loop would take note of it and go on waiting."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: FrameType | object = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)  # type: ignore[arg-type]  # what it was is what it may be


def on_terminal() -> bool:
    """Whether somebody can be asked: messages are read on a terminal, and it can be typed at."""
    if not sys.stderr.isatty():
        return False
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _passphrase(session: Session, is_new: bool) -> str | None:
    if not on_terminal():
        return None
    if not is_new:
        return ask_unseen("passphrase of this home's keys: ")
    session.terminal.say("keys are kept in a file of the home here, sealed by a passphrase")
    return _chosen()


def new_passphrase() -> str:
    """What is to open the sealed file from now on: REACH_NEW_PASSPHRASE, or chosen on the terminal.

    Raises UsageError where nobody can be asked, when it is empty, or not typed twice alike.
    """
    given = os.environ.get(NEW_PASSPHRASE)
    if given is None and not on_terminal():
        raise UsageError("there is no new passphrase", hint=f"set {NEW_PASSPHRASE}, or use a terminal")
    chosen = given if given is not None else _chosen()
    if not chosen:
        raise UsageError("the new passphrase is empty", hint="nothing was changed: run the command again")
    return chosen


def _chosen() -> str:
    chosen = ask_unseen("new passphrase: ")
    if chosen != ask_unseen("the same again: "):
        raise UsageError("these were two different passphrases", hint="nothing was kept: run the command again")
    return chosen
