"""YAML 1.2 or JSON text to a tree with positions, within limits, without a traceback or a hang.

The parser's events are read one at a time, so nesting, size and aliases are measured before
anything is built from them. Scalars are resolved by the core schema (YAML 1.2.2, section 10.3)
and nothing else: `on` and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from reach_workbench.engine.document_scalars import BadScalar, resolve
from reach_workbench.engine.findings import Findings, Position
from reach_workbench.engine.tree import Node
from reach_workbench.engine.values import Json

_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What YAML does not allow in a text as it is (YAML 1.2.2, section 5.1)."""

_LONGEST_KEY: Final = 1024
"""Characters of a key as written, without `?` before it (YAML 1.2.2, section 7.4.2)."""

_CORE_TAG: Final = "tag:yaml.org,2002:"


class DocumentLimits(NamedTuple):
    """What a document may cost; each is a setting `limits.NAME`.

    `document_bytes` limits the text as UTF-8, and the text once aliases are expanded,
    `document_words` the words of all its expressions that are more than paths.
    """

    document_bytes: int = 1024 * 1024
    document_depth: int = 200
    document_nodes: int = 100_000
    document_words: int = 200_000


class _Refused(Exception):
    """Reading can't go on; what is wrong has been reported."""


def read_document(text: str, findings: Findings, limits: DocumentLimits) -> Node | None:
    """The tree of `text`, or None with an error among the findings.

    Faults that leave the rest readable (a key given twice, a tag, a number out of range) are
    reported and reading goes on.
    """
    try:
        _screen(text, findings, limits)
        return _Reader(findings, limits).read(text.removeprefix("\ufeff"))
    except _Refused:
        return None


def load_plain(text: str, limits: DocumentLimits | None = None) -> Json:
    """The value of a YAML or JSON text that is no workflow, such as a fetched schema.

    Raises ValueError that says what is wrong and where.
    """
    findings = Findings("", text)
    node = read_document(text, findings, limits or DocumentLimits())
    if node is None or findings.failed:
        first = findings.diagnostics()[0]
        raise ValueError(f"line {first.line}, column {first.column}: {first.message}")
    return node.plain


def _screen(text: str, findings: Findings, limits: DocumentLimits) -> None:
    size = len(text) if len(text) > limits.document_bytes else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.document_bytes:
        _over(findings, Position(1, 1), f"the document has more than {limits.document_bytes} bytes", "document_bytes")
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        findings.add(
            Position(line, column),
            "control-character",
            f"a document can't hold the character U+{ord(found[0]):04X}",
            "save the file as UTF-8 text; inside double quotes a character can be written as \\u0000",
        )
        raise _Refused


def _over(findings: Findings, position: Position, message: str, setting: str) -> None:
    hint = f"make it smaller, or raise the setting limits.{setting}"
    findings.add(position, "limit", f"{message} (setting limits.{setting})", hint)
    raise _Refused


class _Open:
    """An object or array whose end has not come yet; `key` is the key that waits for its value."""

    __slots__ = ("anchor", "awaits_value", "key", "key_at", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.awaits_value = False
        self.key: str | None = None
        self.key_at = (0, 0)


class _Reader:
    """Builds the tree from the parser's events with a stack of its own: nesting costs no recursion."""

    def __init__(self, findings: Findings, limits: DocumentLimits) -> None:
        self.findings = findings
        self.limits = limits
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.root: Node | None = None
        self.size = 0
        self.letters = 0

    def read(self, text: str) -> Node:
        documents = 0
        for event in self._events(text):
            kind = type(event).__name__
            if kind == "ScalarEvent":
                self._place(event, self._scalar(event), event.anchor)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._open(event, kind == "MappingStartEvent")
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self._close(event)
            elif kind == "AliasEvent":
                self._place(event, self._alias(event), None)
            elif kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    hint = "keep one workflow in a file; remove what follows --- or ..."
                    self._error(event, "several-documents", "a file holds one document, this is the second", hint)
                    break
        if self.root is None or self.root.sort == "null":
            message = "the document is empty"
            self.findings.add(Position(1, 1), "empty-document", message, "start with document: and do:")
            raise _Refused
        return self.root

    def _events(self, text: str) -> Iterator[Any]:
        from ruamel.yaml import YAML

        try:
            yield from YAML(typ="safe", pure=True).parse(text)
        except Exception as wrong:
            # The parser also lets ValueError and OverflowError out, for bad escapes for example.
            self._syntax(wrong, text)
            raise _Refused from None

    def _syntax(self, wrong: Exception, text: str) -> None:
        problem = getattr(wrong, "problem", None) or getattr(wrong, "context", None) or "a character can't be read"
        mark = getattr(wrong, "problem_mark", None) or getattr(wrong, "context_mark", None)
        if "unexpected end of stream" in problem and getattr(wrong, "context_mark", None) is not None:
            problem, mark = "a quotation never ends", wrong.context_mark  # type: ignore[attr-defined]
        position = Position(mark.line + 1, mark.column + 1) if mark is not None else self._last()
        hint = "check the indentation, the quotes and the brackets around this place"
        code = "yaml-syntax"
        if mark is not None and text[mark.index : mark.index + 1] == "\t":
            code, problem, hint = "yaml-tab", "a tab can't indent", "indent with spaces"
        elif mark is not None and mark.column > _LONGEST_KEY and text[mark.index : mark.index + 1] == ":":
            problem, hint = "the key is too long", f"a key in YAML has at most {_LONGEST_KEY} characters"
        elif "mapping values are not allowed" in problem:
            hint = "a text with ': ' in it needs quotes"
        elif "escape character" in problem:
            hint = "write \\\\ for \\ inside double quotes, or use single quotes"
        self.findings.add(position, code, f"not valid YAML: {problem}", hint)

    def _last(self) -> Position:
        return Position(self.stack[-1].node.line, self.stack[-1].node.column) if self.stack else Position(1, 1)

    def _node(self, event: Any, sort: Any, value: Any) -> Node:
        start = event.start_mark
        return Node(sort, value, start.line + 1, start.column + 1, start=start.index, end=event.end_mark.index)

    def _error(self, event: Any, code: str, message: str, hint: str) -> None:
        self.findings.add(Position(event.start_mark.line + 1, event.start_mark.column + 1), code, message, hint)

    def _scalar(self, event: Any) -> Node:
        try:
            sort, value = resolve(event.value, str(event.tag) if event.tag else None, plain=event.implicit[0])
        except BadScalar as wrong:
            self._error(event, wrong.code, wrong.message, wrong.hint)
            sort, value = ("text", "") if wrong.code == "lone-surrogate" else ("text", event.value)
        return self._node(event, sort, value)

    def _open(self, event: Any, is_object: bool) -> None:
        tag = str(event.tag) if event.tag else None
        if tag not in (None, "!", _CORE_TAG + ("map" if is_object else "seq")):
            message, hint = f"the tag {tag} is not of the YAML core schema", "remove the tag"
            self._error(event, "yaml-tag", message, hint)
        node = self._node(event, "object" if is_object else "array", {} if is_object else [])
        if len(self.stack) >= self.limits.document_depth:
            message = f"the document nests deeper than {self.limits.document_depth} levels"
            _over(self.findings, Position(node.line, node.column), message, "document_depth")
        self.stack.append(_Open(node, event.anchor))
        if event.anchor:
            self.anchors[event.anchor] = None

    def _close(self, event: Any) -> None:
        closed = self.stack.pop()
        node = closed.node
        node.end = event.end_mark.index
        children = list(node.value.values()) if isinstance(node.value, dict) else node.value
        assert isinstance(children, list)
        if isinstance(node.value, dict):
            node.plain = {name: child.plain for name, child in node.value.items()}
            node.letters += sum(map(len, node.value))
        else:
            node.plain = [child.plain for child in children]
        node.size += sum(child.size for child in children)
        node.letters += sum(child.letters for child in children)
        node.height = 1 + max((child.height for child in children), default=0)
        self._place(event, node, closed.anchor, counted=True)

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self.anchors
            message = f"the alias *{event.anchor} " + ("is inside its own anchor" if known else "has no anchor")
            self._error(event, "yaml-alias", message, f"write &{event.anchor} before the value to repeat")
            return self._node(event, "null", None)
        if len(self.stack) + node.height > self.limits.document_depth:
            message = f"the document nests deeper than {self.limits.document_depth} levels"
            position = Position(event.start_mark.line + 1, event.start_mark.column + 1)
            _over(self.findings, position, message, "document_depth")
        return node

    def _place(self, event: Any, node: Node, anchor: str | None, *, counted: bool = False) -> None:
        """Put a finished value where it belongs, as a key or a value of what is open."""
        if anchor:
            self.anchors[anchor] = node
        self._count(event, 1 if counted else node.size, 1 if counted else node.letters)
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif not parent.awaits_value:
            self._key(event, node, parent)
        else:
            assert isinstance(parent.node.value, dict)
            if parent.key is not None:
                if node.value is None and node.start == node.end:
                    # The parser places a value that is not there where the next thing stands.
                    node.line, node.column = parent.key_at
                parent.node.value[parent.key] = node
                parent.node.keys[parent.key] = parent.key_at
            parent.awaits_value = False

    def _count(self, event: Any, size: int, letters: int) -> None:
        self.size += size
        self.letters += letters
        position = Position(event.start_mark.line + 1, event.start_mark.column + 1)
        if self.size > self.limits.document_nodes:
            message = f"the document has more than {self.limits.document_nodes} values, aliases counted in full"
            _over(self.findings, position, message, "document_nodes")
        if self.letters > self.limits.document_bytes:
            message = f"the document has more than {self.limits.document_bytes} bytes, aliases counted in full"
            _over(self.findings, position, message, "document_bytes")

    def _key(self, event: Any, node: Node, parent: _Open) -> None:
        assert isinstance(parent.node.value, dict)
        parent.awaits_value = True
        parent.key = node.value if isinstance(node.value, str) else None
        parent.key_at = (event.start_mark.line + 1, event.start_mark.column + 1)
        if parent.key is None:
            written = "this" if node.sort in ("object", "array") else repr(str(getattr(event, "value", node.value)))
            hint = "put the key in quotes" if node.sort not in ("object", "array") else "use a text as key"
            message = f"a key must be text, {written} is {_A[node.sort]}"
            self.findings.add(Position(node.line, node.column), "key-not-text", message, hint)
            if node.sort not in ("object", "array"):
                parent.key = str(getattr(event, "value", node.value))
        elif parent.key == "<<" and getattr(event, "implicit", (False,))[0]:
            hint = "write the members out, or repeat a whole value with an alias"
            self._error(event, "yaml-merge-key", "merge keys are not part of YAML 1.2", hint)
            parent.key = None
        elif parent.key in parent.node.value:
            line = parent.node.keys[parent.key][0]
            message = f"the key {parent.key!r} is given twice"
            self._error(event, "duplicate-key", message, f"it stands on line {line} already: remove one of them")


_A: Final = {
    "object": "an object",
    "array": "a list",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
    "text": "text",
}
