"""`reach key` and `reach secret`: what this machine keeps in its keyring, or in the home's sealed file."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from typing import Final

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given
from reach_workbench.cli.reading import secret_value
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Terminal
from reach_workbench.cli.unlocking import ask_unseen, key_store, new_passphrase, user
from reach_workbench.clock import SystemClock
from reach_workbench.engine.values import Json
from reach_workbench.errors import KeyMissing, UsageError
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.keys.keystore import PASSPHRASE

_MOST: Final = 1 << 20
"""Bytes of a secret, as of one in a file."""


def _new(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    name, store = user(session, given.name), key_store(session)
    key = store.create(name)
    if terminal.json:
        terminal.print_json({**key_object(name, key), "place": store.place})
    else:
        terminal.say(f"made the key of {name}, {key.id}; it is kept in {store.place}")
        terminal.say(f"  let it decide about gates: {session.line('reviewer', 'add', name)}")
    return 0


def _list(terminal: Terminal, given: Given) -> int:
    names = key_store(Session(terminal, given)).names()
    if terminal.json:
        terminal.print_json({"keys": list(names)})
    else:
        for name in names:
            terminal.show(name)
        if not names:
            terminal.say("there is no key yet; `reach key new` makes yours")
    return 0


def _show(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    name = user(session, given.name)
    key = key_store(session).signing_key(name)
    if terminal.json:
        terminal.print_json(key_object(name, key))
    else:
        terminal.say(f"the public key of {name}, {key.id}:")
        terminal.show(public_text(key))
    return 0


def _delete(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    key_store(session).delete(given.name)
    if terminal.json:
        terminal.print_json({"deleted": given.name})
    else:
        terminal.say(f"deleted the key of {given.name}: what it signed stays valid")
        terminal.say(f"  if it may decide about gates, revoke it: {session.line('reviewer', 'list')}")
    return 0


def _rotate(terminal: Terminal, given: Given) -> int:
    from reach_workbench.evidence.rotation import rotate
    from reach_workbench.protocol.rotating import KeyRotation, NodeKeyView

    session = Session(terminal, given)
    store = key_store(session)
    store.ready()  # in the main thread, where a passphrase can be typed

    async def work() -> NodeKeyView:
        async with session.signing() as node:
            with store.rotating() as rotating:
                known = await node.node_keys()
                before, after = rotating.begin(known[-1].key_id if known else None)
                said = rotate(before, after, SystemClock().now()).to_json()
                view = await node.rotate_key(KeyRotation(said["body"], said["before"], said["after"]))
                rotating.finish()
                return view

    view = go(work())
    if terminal.json:
        terminal.print_json({"id": view.key_id, "public_key": view.public_key, "before": view.endorsed_by})
    else:
        terminal.say(
            f"the node signs with key {view.key_id} from now on; {view.endorsed_by} vouched for it and is gone"
        )
        terminal.say("  what that signed stays valid; tell those who verify your capsules the new key:")
        terminal.show(view.public_key)
    return 0


def _passphrase(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    key_store(session).change_passphrase(new_passphrase)
    if terminal.json:
        terminal.print_json({"changed": True})
    else:
        terminal.say("the new passphrase opens the keys of this home, and the old one does not")
        if os.environ.get(PASSPHRASE):
            terminal.say(f"  {PASSPHRASE} has the old one still: set it anew, also for a node that serves")
    return 0


def _move(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    if given.place not in ("keyring", "file"):
        raise UsageError(f"{given.place!r} is no place for keys", hint="keyring or file")
    store = key_store(session)
    moved = store.move(given.place)
    if terminal.json:
        terminal.print_json({"place": store.place, "keys": list(store.names()), "secrets": list(store.secret_names())})
    else:
        entries = "1 key or secret is" if len(moved) == 1 else f"{len(moved)} keys and secrets are"
        terminal.say(f"{entries} in {store.place} now, and nowhere else")
    return 0


def _set(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    store = key_store(session)
    value = _typed(given.name) if sys.stdin.isatty() else _piped()
    if not value:
        raise UsageError("the secret is empty", hint="nothing was kept: type it, or write it to standard input")
    store.keep_secret(given.name, secret_value(value))
    if terminal.json:
        terminal.print_json({"kept": given.name, "place": store.place})
    else:
        terminal.say(f"the secret {given.name} is kept in {store.place}")
    return 0


def _typed(name: str) -> str:
    return ask_unseen(f"value of {name}, which is not shown: ")


def _piped() -> str:
    content = sys.stdin.buffer.read(_MOST + 1)
    if len(content) > _MOST:
        raise UsageError(f"a secret has {_MOST:,} bytes at most", hint="nothing was kept")
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("the secret is not a text in UTF-8", hint="encode it, for example in base64") from None


def _secrets(terminal: Terminal, given: Given) -> int:
    names = key_store(Session(terminal, given)).secret_names()
    if terminal.json:
        terminal.print_json({"secrets": list(names)})
    else:
        for name in names:
            terminal.show(name)
        if not names:
            terminal.say("no secret is kept; `reach secret set NAME` keeps one")
    return 0


def _remove(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    try:
        key_store(session).drop_secret(given.name)
    except KeyMissing as wrong:
        wrong.hint = f"`{session.line('secret', 'list')}` lists those that are kept"
        raise
    if terminal.json:
        terminal.print_json({"removed": given.name})
    else:
        terminal.say(f"the secret {given.name} is kept no more")
    return 0


def key_object(name: str, key: SigningKey) -> dict[str, Json]:
    """A key as scripts read it: never its secret half."""
    return {"name": name, "id": key.id, "public_key": public_text(key)}


def public_text(key: SigningKey) -> str:
    """The public half in base64."""
    return b64encode(key.public).decode()


_NAME = Argument("NAME", "whose key: by default your login name, or the setting keys.user", optional=True, fills="key")
_SECRET = Argument("NAME", "as a workflow declares it under use.secrets", fills="secret")
_PLACE = (
    "It is kept in the keyring of the operating system, or, where there is none, in a file of the home that a "
    "passphrase seals: REACH_PASSPHRASE, or it is asked for."
)

COMMANDS = (
    Command(
        "key new",
        "Make a key to sign decisions with",
        _new,
        arguments=(_NAME,),
        options=(JSON,),
        about=(_PLACE, "With --json: {name, id, public_key, place}."),
        examples=(
            Example("reach key new", "your own"),
            Example("reach key new ada", "one in another name"),
        ),
    ),
    Command(
        "key list",
        "List the keys that this machine has in this home",
        _list,
        options=(JSON,),
        about=("By name; nothing need be unlocked for it. With --json: {keys: [name]}.",),
        examples=(Example("reach key list", "all names"),),
    ),
    Command(
        "key show",
        "Print the public half of a key",
        _show,
        arguments=(_NAME,),
        options=(JSON,),
        about=("In base64, to be added as a reviewer's on another node. With --json: {name, id, public_key}.",),
        examples=(Example('reach reviewer add ada --key "$(reach key show ada)"', "a key of this home, by hand"),),
    ),
    Command(
        "key delete",
        "Delete a key for good",
        _delete,
        arguments=(Argument("NAME", "whose key", fills="key"),),
        options=(JSON,),
        about=("What it signed stays valid. Nodes that know it as a reviewer's go on to: revoke it there.",),
        examples=(Example("reach key delete ada", "it can't be got back"),),
    ),
    Command(
        "key rotate",
        "Let the node sign with a new key, which the old one vouches for",
        _rotate,
        options=(JSON,),
        about=(
            "The change stands in the audit log, signed by both keys; the old one is deleted then. Checkpoints and "
            "capsules of before stay valid, and whoever trusts the old key can verify new capsules by it: `reach "
            "verify FILE --key OLD`. A node that serves goes on with the new key. With --json: {id, public_key, "
            "before}.",
        ),
        examples=(Example("reach key rotate", "after a backup went astray, or once a year"),),
    ),
    Command(
        "key passphrase",
        "Change the passphrase that seals the keys of this home",
        _passphrase,
        options=(JSON,),
        about=(
            "Where there is no keyring, or keys were moved out of it. The old one is REACH_PASSPHRASE, or asked for; "
            "the new one is REACH_NEW_PASSPHRASE, or asked for twice. Copies of keys.sealed that somebody has are "
            "opened by the old one still. With --json: {changed}.",
        ),
        examples=(Example("reach key passphrase", "asks for both"),),
    ),
    Command(
        "key move",
        "Move all keys and secrets to the keyring, or to the sealed file",
        _move,
        arguments=(Argument("PLACE", "keyring or file"),),
        options=(JSON,),
        about=(
            "They are taken out of the one once they were read back from the other; a move that was cut off is "
            "finished by the same command. With --json: {place, keys, secrets}.",
        ),
        examples=(
            Example("reach key move keyring", "out of keys.sealed, whose passphrase is wanted no more"),
            Example("reach key move file", "for a machine whose keyring goes away"),
        ),
    ),
    Command(
        "secret set",
        "Keep a secret for the workflows that declare it",
        _set,
        arguments=(_SECRET,),
        options=(JSON,),
        about=(
            "Asks for the value without showing it, or reads it from standard input. A JSON object, array or quoted "
            "string is kept as JSON, any other value as text. One of that name is replaced. " + _PLACE,
            "`reach run` takes a declared secret from there when neither --secret nor REACH_SECRET_NAME gives it.",
        ),
        examples=(
            Example("reach secret set github", "asks for it"),
            Example("reach secret set github < token.txt", "from a file"),
        ),
    ),
    Command(
        "secret list",
        "List the secrets that are kept, by name",
        _secrets,
        options=(JSON,),
        about=("Nothing need be unlocked for it. With --json: {secrets: [name]}.",),
        examples=(Example("reach secret list", "their names, never their values"),),
    ),
    Command(
        "secret remove",
        "Keep a secret no more",
        _remove,
        arguments=(_SECRET,),
        options=(JSON,),
        examples=(Example("reach secret remove github", "runs that have it go on with it"),),
    ),
)
