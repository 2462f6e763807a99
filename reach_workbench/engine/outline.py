"""The tasks of a document as they stand in its text, also of one that has errors.

Works on the tree alone, so that a text which does not compile still has an outline. References are
those that `engine.compile_tasks` gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from reach_workbench.engine.tree import Node, Place, pointer_step

KINDS: Final = ("for", "try", "listen", "call", "do", "emit", "fork", "raise", "run", "set", "switch", "wait")
"""What says the kind of a task; those that have a `do` or a `catch` of their own come first."""

_DIRECTIVES: Final = ("continue", "exit", "end")
_SHOWN: Final = 60


class Entry(NamedTuple):
    """One task. `place` is its value; `line` and `column` are those of its name.

    `siblings` are the names that its directives may lead to; the rest is as in `protocol.authoring.TaskPlace`.
    `variables` are those that loops, catches and iterators around it have defined.
    """

    place: Place
    reference: str
    name: str
    kind: str
    line: int
    column: int
    parent: str | None
    role: str
    siblings: tuple[str, ...]
    variables: tuple[str, ...]
    leads_to: tuple[tuple[str, str], ...]


class _Around(NamedTuple):
    """What surrounds a list of tasks."""

    parent: str | None
    role: str = ""
    variables: tuple[str, ...] = ()

    def knowing(self, *names: str) -> tuple[str, ...]:
        return (*self.variables, *(name for name in names if name not in self.variables))


def outline(root: Place) -> tuple[Entry, ...]:
    """All tasks of a document, in the order of the text: functions and extensions too."""
    found: list[Entry] = []
    functions = root.dig("use", "functions")
    if functions is not None:
        for name, place in functions.members():
            reference = "/use/functions" + pointer_step(name)
            found += _task(place, name, reference, (name,), {}, _Around(None, "function"), at_top=False)
    extensions = root.dig("use", "extensions")
    for item in extensions.items() if extensions is not None else ():
        for name, extension in item.members():
            base = f"/use/extensions{pointer_step(item.step)}{pointer_step(name)}"
            for part in ("before", "after"):
                found += _block(extension.get(part), f"{base}/{part}", _Around(None, "extension"))
    found += _block(root.get("do"), "/do", _Around(None), at_top=True)
    return tuple(sorted(found, key=lambda entry: (entry.line, entry.column)))


def kind_of(place: Place) -> str:
    """What kind of task stands at a place; `task` when it does not say."""
    return next((name for name in KINDS if place.get(name) is not None), "task")


def last_line(node: Node, source: str, lines: list[int]) -> int:
    """The last line that holds something of a value; `lines` are the offsets at which the lines of `source` begin."""
    from bisect import bisect_right

    end = _end(node, source)
    end = len(source[:end].rstrip()) if source[max(end - 1, 0) : end].isspace() else end
    return max(node.line, bisect_right(lines, max(end - 1, 0)))


def _end(node: Node, source: str) -> int:
    """The offset after the last character of a value; a block ends only where the next thing begins."""
    last = node
    while isinstance(last.value, dict | list) and last.value and source[last.start : last.start + 1] not in ("{", "["):
        parts = list(last.value.values()) if isinstance(last.value, dict) else last.value
        last = max(parts, key=lambda part: part.start)
    return last.end


def _block(place: Place | None, reference: str, around: _Around, *, at_top: bool = False) -> Iterator[Entry]:
    if place is None:
        return
    references = {
        name: f"{reference}{pointer_step(item.step)}{pointer_step(name)}"
        for item in reversed(list(place.items()))
        for name, _ in item.members()
    }
    order = tuple(name for name, _ in place.named())
    for item in place.items():
        for name, task in item.members():
            own = f"{reference}{pointer_step(item.step)}{pointer_step(name)}"
            yield from _task(task, name, own, order, references, around, at_top=at_top)


def _task(
    place: Place,
    name: str,
    reference: str,
    siblings: tuple[str, ...],
    references: dict[str, str],
    around: _Around,
    *,
    at_top: bool,
) -> Iterator[Entry]:
    assert place.parent is not None
    line, column = place.parent.node.keys.get(name, (place.node.line, place.node.column))
    kind = kind_of(place)
    yield Entry(
        place=place,
        reference=reference,
        name=name,
        kind=kind,
        line=line,
        column=column,
        parent=around.parent,
        role=around.role,
        siblings=siblings,
        variables=around.variables,
        leads_to=tuple(_leads_to(place, name, siblings, references, at_top)),
    )
    yield from _inside(place, kind, reference, around)


def _inside(place: Place, kind: str, reference: str, around: _Around) -> Iterator[Entry]:
    """The tasks that a task holds."""
    body = place.get(kind)
    if body is None:
        return
    here = _Around(reference, "", around.variables)
    if kind == "do":
        yield from _block(body, reference + "/do", here)
    elif kind == "for":
        known = around.knowing(body.text_of("each", "item"), body.text_of("at", "index"))
        yield from _block(place.get("do"), reference + "/do", _Around(reference, "each", known))
    elif kind == "try":
        yield from _block(body, reference + "/try", here)
        catch = place.get("catch")
        if catch is not None:
            known = around.knowing(catch.text_of("as", "error"))
            yield from _block(catch.get("do"), reference + "/catch/do", _Around(reference, "catch", known))
    elif kind == "fork":
        branches = body.get("branches")
        for item in branches.items() if branches is not None else ():
            for name, branch in item.members():
                own = f"{reference}/fork/branches{pointer_step(item.step)}{pointer_step(name)}"
                inside = _Around(reference, "branch", around.variables)
                yield from _task(branch, name, own, (), {}, inside, at_top=False)
    elif kind == "listen":
        yield from _iterator(place.get("foreach"), reference + "/foreach", reference, around)
    elif kind == "call":
        iterator = place.dig("with", "subscription", "foreach")
        yield from _iterator(iterator, reference + "/with/subscription/foreach", reference, around)


def _iterator(place: Place | None, reference: str, parent: str, around: _Around) -> Iterator[Entry]:
    if place is not None:
        known = around.knowing(place.text_of("item", "item"), place.text_of("at", "index"))
        yield from _block(place.get("do"), reference + "/do", _Around(parent, "each", known))


def _leads_to(
    place: Place, name: str, siblings: tuple[str, ...], references: dict[str, str], at_top: bool
) -> Iterator[tuple[str, str]]:
    """Where a task's directives and cases lead, each with the words that choose it."""
    position = siblings.index(name) if name in siblings else len(siblings)
    following = siblings[position + 1] if position + 1 < len(siblings) else None
    next_one = references.get(following) if following is not None else None
    cases = place.get("switch")
    for case, member in cases.named() if cases is not None else ():
        directive = member.text_of("then")
        if directive == "continue":
            yield next_one or ("end" if at_top else "exit"), case
        elif directive:
            yield references.get(directive, directive), case
    for words, given in (("catch", place.dig("catch", "then")), ("then", place.get("then"))):
        directive = given.text or "" if given is not None else ""
        if directive and directive != "continue" and (directive in references or directive in _DIRECTIVES):
            yield references.get(directive, directive), words


def summary(entry: Entry) -> str:
    """What a task does, in a few words from its own text."""
    body = entry.place.get(entry.kind)
    if body is None:
        return ""
    return _short(_SUMMARIES.get(entry.kind, _nothing)(entry.place, body))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _nothing(_task: Place, _body: Place) -> str:
    return ""


def _call(task: Place, body: Place) -> str:
    given = task.get("with")
    if given is None:
        return body.text or ""
    if body.text == "http":
        endpoint = given.get("endpoint")
        address = (endpoint.text or endpoint.text_of("uri")) if endpoint is not None else ""
        return f"{given.text_of('method').upper()} {address}"
    what = given.text_of("operationId") or given.text_of("method") or given.text_of("channel")
    return f"{body.text or ''} {what}"


def _set(_task: Place, body: Place) -> str:
    return body.text or ", ".join(name for name, _ in body.members())


def _for(_task: Place, body: Place) -> str:
    items = body.get("in")
    written = (items.text or "a list") if items is not None else "?"
    return f"{body.text_of('each', 'item')} in {written}"


def _fork(_task: Place, body: Place) -> str:
    branches = body.get("branches")
    names = [name for name, _ in branches.named()] if branches is not None else []
    compete = body.get("compete")
    return ("first of " if compete is not None and compete.plain is True else "") + ", ".join(names)


def _switch(_task: Place, body: Place) -> str:
    return ", ".join(name for name, _ in body.named())


def _try(task: Place, _body: Place) -> str:
    catch = task.get("catch")
    if catch is None:
        return ""
    wanted = catch.dig("errors", "with")
    parts = [f"{name} {_last(member)}" for name, member in wanted.members()] if wanted is not None else ["any error"]
    retry = catch.get("retry")
    if retry is not None:
        parts.append("retry " + retry.text if retry.text else "retry")
    return "catch " + ", ".join(parts)


def _last(place: Place) -> str:
    """The end of a URI says which error it is; anything else as it is."""
    return str(place.plain).rsplit("/", 1)[-1]


def _wait(_task: Place, body: Place) -> str:
    return body.text or " ".join(f"{member.plain} {unit}" for unit, member in body.members())


def _emit(_task: Place, body: Place) -> str:
    event = body.dig("event", "with")
    return event.text_of("type") if event is not None else ""


def _listen(_task: Place, body: Place) -> str:
    to = body.get("to")
    for mode in ("one", "any", "all"):
        chosen = to.get(mode) if to is not None else None
        if chosen is not None:
            filters = [chosen] if mode == "one" else list(chosen.items())
            types = [each.dig("with", "type") for each in filters]
            names = [str(each.plain) for each in types if each is not None]
            return f"{mode} of {', '.join(names)}" if mode != "one" else ", ".join(names)
    return ""


def _raise(_task: Place, body: Place) -> str:
    error = body.get("error")
    if error is None:
        return ""
    kind = error.get("type")
    return error.text or error.text_of("title") or (_last(kind) if kind is not None else "")


def _run(_task: Place, body: Place) -> str:
    for name, member in body.members():
        if name in ("shell", "script", "container", "workflow"):
            what = member.text_of("command") or member.text_of("language") or member.text_of("image")
            return f"{name} {what or member.text_of('name')}"
    return ""


_SUMMARIES: Final = {
    "call": _call,
    "set": _set,
    "for": _for,
    "fork": _fork,
    "switch": _switch,
    "try": _try,
    "wait": _wait,
    "emit": _emit,
    "listen": _listen,
    "raise": _raise,
    "run": _run,
}
