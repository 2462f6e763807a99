"""`reach reviewer`: who may decide about gates."""

from __future__ import annotations

from collections.abc import Sequence

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.commands.keeping import public_text
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import NotFound, UsageError
from reach_workbench.protocol.reviewing import ReviewerView


def _add(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    public = given.key if given.key is not None else _own(session, given.name)

    async def work() -> ReviewerView:
        async with session.asking() as node:
            return await node.add_reviewer(given.name, public, tuple(given.group))

    view = go(session.retrying(work))
    if terminal.json:
        terminal.print_json(reviewer_object(view))
    else:
        groups = f", in {', '.join(view.groups)}" if view.groups else ", in no group"
        terminal.say(f"{view.name} may decide about gates with the key {view.key_id}{groups}")
    return 0


def _own(session: Session, name: str) -> str:
    """The public half of this machine's key of that name, which is made when there is none."""
    from reach_workbench.cli.unlocking import key_store

    store = key_store(session)
    if name in store.names():
        return public_text(store.signing_key(name))
    key = store.create(name)
    if not session.terminal.json:
        session.terminal.say(f"made the key of {name}, {key.id}; it is kept in {store.place}")
    return public_text(key)


def _list(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> Sequence[ReviewerView]:
        async with session.reading() as node:
            return await node.reviewers()

    views = go(work())
    if terminal.json:
        terminal.print_json({"reviewers": [reviewer_object(view) for view in views]})
        return 0
    if not views:
        terminal.say(f"nobody may decide about gates yet; add somebody: {session.line('reviewer', 'add', 'NAME')}")
        return 0
    width = max(len(view.name) for view in views)
    for view in views:
        state = Painted("in force", "green") if view.revoked_at is None else Painted("revoked ", "red")
        terminal.show(view.key_id, "  ", state, f"  {view.name:<{width}}  {', '.join(view.groups)}".rstrip())
    return 0


def _revoke(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> ReviewerView:
        async with session.asking() as node:
            return await node.revoke_reviewer(_meant(given.keyid, await node.reviewers()))

    view = go(session.retrying(work))
    if terminal.json:
        terminal.print_json(reviewer_object(view))
    else:
        terminal.say(f"the key {view.key_id} of {view.name} decides no more: what it signed stays")
    return 0


def _meant(word: str, views: Sequence[ReviewerView]) -> str:
    """The id of the only key that begins so; raises NotFound, or UsageError when several do."""
    ids = [view.key_id for view in views if word and view.key_id.startswith(word.lower())]
    if not ids:
        raise NotFound(f"there is no reviewer's key {word!r}", hint="`reach reviewer list` shows them")
    if len(ids) > 1:
        raise UsageError(f"several keys begin with {word!r}: {', '.join(ids[:3])}", hint="give more of the id")
    return ids[0]


def reviewer_object(view: ReviewerView) -> dict[str, Json]:
    """A reviewer as scripts read it. Times are ISO 8601 in UTC."""
    return {
        "key_id": view.key_id,
        "name": view.name,
        "public_key": view.public_key,
        "groups": list(view.groups),
        "added_at": iso8601(view.added_at),
        "revoked_at": iso8601(view.revoked_at) if view.revoked_at is not None else None,
    }


COMMANDS = (
    Command(
        "reviewer add",
        "Let somebody decide about gates",
        _add,
        arguments=(Argument("NAME", "what gates and the audit trail call them", fills="key"),),
        options=(
            Option("--key", "their public key; without it this machine's key of that name", value="PUBLIC"),
            Option("--group", "a group they are in, as policies name it", value="G", many=True),
            JSON,
        ),
        about=(
            "Without --key, this machine's key of that name is taken, and made when there is none. Adding a key again "
            "puts it into the groups given, and into no other. A key that was revoked is not taken up again. With "
            "--json: {key_id, name, public_key, groups, added_at, revoked_at}.",
        ),
        examples=(
            Example('reach reviewer add "$USER" --group ops', "yourself, with this machine's key"),
            Example("reach reviewer add grace --key mN3…= --group finance", "somebody else, by `reach key show`"),
        ),
    ),
    Command(
        "reviewer list",
        "List who may decide about gates, and who might once",
        _list,
        options=(JSON,),
        about=("With --json: {reviewers: […]}, each as `reach reviewer add` prints it.",),
        examples=(Example("reach reviewer list", "keys, names and groups"),),
    ),
    Command(
        "reviewer revoke",
        "Let a key decide about gates no more",
        _revoke,
        arguments=(Argument("KEYID", "the id of the key, or the beginning of it"),),
        options=(JSON,),
        about=("What it signed stays; the key stays on the list, and is not taken up again.",),
        examples=(Example("reach reviewer revoke 630dcd29", "a key that was lost"),),
    ),
)
