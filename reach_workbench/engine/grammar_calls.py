"""Grammar of the calls that the DSL itself defines (dsl-reference.md, Call)."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine import grammar_formats as formats
from reach_workbench.engine.grammar_shapes import Either, OneOf, Record, Shape, Table, Text, Whole
from reach_workbench.engine.grammar_values import (
    ANY,
    AUTHENTICATION_OR_USE,
    DURATION,
    ENDPOINT,
    EXPRESSION,
    NAME,
    OBJECT,
    RESOURCE,
    TEXT,
    TEXTS,
    TRUTH,
)

_FORMAT: Final = Text(choices=("raw", "content", "response"))
_OBJECT_OR_EXPRESSION: Final = Either("an object or an expression", (OBJECT, TEXT))

_HTTP: Final = Record(
    "an HTTP call",
    {
        "method": NAME,
        "endpoint": ENDPOINT,
        "headers": Either("an object of texts or an expression", (Table(TEXT), EXPRESSION)),
        "body": ANY,
        "query": Either("an object or an expression", (Table(ANY), EXPRESSION)),
        "output": _FORMAT,
        "redirect": TRUTH,
    },
    required=("method", "endpoint"),
)

_OPENAPI: Final = Record(
    "an OpenAPI call",
    {
        "document": RESOURCE,
        "operationId": NAME,
        "parameters": OBJECT,
        "authentication": AUTHENTICATION_OR_USE,
        "output": _FORMAT,
        "redirect": TRUTH,
    },
    required=("document", "operationId"),
)

_GRPC: Final = Record(
    "a gRPC call",
    {
        "proto": RESOURCE,
        "service": Record(
            "a gRPC service",
            {
                "name": NAME,
                "host": Text("a host name", test=formats.host),
                "port": Whole(0, 65535),
                "authentication": AUTHENTICATION_OR_USE,
            },
            required=("name", "host"),
        ),
        "method": NAME,
        "arguments": OBJECT,
    },
    required=("proto", "service", "method"),
)

_A2A: Final = Record(
    "an A2A call",
    {
        "agentCard": RESOURCE,
        "server": ENDPOINT,
        "method": Text(
            choices=(
                "message/send",
                "message/stream",
                "tasks/get",
                "tasks/list",
                "tasks/cancel",
                "tasks/resubscribe",
                "tasks/pushNotificationConfig/set",
                "tasks/pushNotificationConfig/get",
                "tasks/pushNotificationConfig/list",
                "tasks/pushNotificationConfig/delete",
                "agent/getAuthenticatedExtendedCard",
            )
        ),
        "parameters": Either("an object or an expression", (Table(ANY, least=1), TEXT)),
    },
    required=("method",),
    rules=(OneOf(("agentCard", "server"), most=None),),
)

_MCP: Final = Record(
    "an MCP call",
    {
        "protocolVersion": TEXT,
        "method": Text(
            choices=(
                "tools/list",
                "tools/call",
                "prompts/list",
                "prompts/get",
                "resources/list",
                "resources/read",
                "resources/templates/list",
            )
        ),
        "parameters": _OBJECT_OR_EXPRESSION,
        "timeout": DURATION,
        "transport": Record(
            "an MCP transport",
            {
                "http": Record(
                    "an MCP HTTP transport", {"endpoint": ENDPOINT, "headers": Table(TEXT)}, required=("endpoint",)
                ),
                "stdio": Record(
                    "an MCP stdio transport",
                    {"command": NAME, "arguments": TEXTS, "environment": Table(TEXT)},
                    required=("command",),
                ),
                "options": Table(TEXT),
            },
            rules=(OneOf(("http", "stdio")),),
        ),
        "client": Record("an MCP client", {"name": TEXT, "version": TEXT}, required=("name", "version")),
    },
    required=("method", "transport"),
)

_PROTOCOLS: Final = (
    "amqp",
    "amqp1",
    "anypointmq",
    "googlepubsub",
    "http",
    "ibmmq",
    "jms",
    "kafka",
    "mercure",
    "mqtt",
    "mqtt5",
    "nats",
    "pulsar",
    "redis",
    "sns",
    "solace",
    "sqs",
    "stomp",
    "ws",
)


def asyncapi(iterator: Shape) -> Record:
    """The arguments of an AsyncAPI call, whose subscription holds tasks: `iterator` is the shape of `foreach`."""
    consume = Record(
        "a consumption policy",
        {"for": DURATION, "amount": Whole(1), "while": EXPRESSION, "until": EXPRESSION},
        rules=(OneOf(("amount", "while", "until")),),
    )
    subscription = Record(
        "an AsyncAPI subscription",
        {"filter": EXPRESSION, "consume": consume, "foreach": iterator},
        required=("consume",),
    )
    return Record(
        "an AsyncAPI call",
        {
            "document": RESOURCE,
            "channel": NAME,
            "operation": NAME,
            "server": Record("an AsyncAPI server", {"name": NAME, "variables": OBJECT}, required=("name",)),
            "protocol": Text(choices=_PROTOCOLS),
            "message": Record("an AsyncAPI message", {"payload": OBJECT, "headers": OBJECT}),
            "subscription": subscription,
            "authentication": AUTHENTICATION_OR_USE,
        },
        required=("document",),
        rules=(OneOf(("operation", "channel")), OneOf(("message", "subscription"))),
    )


CALLS: Final[dict[str, Record]] = {
    "http": _HTTP,
    "openapi": _OPENAPI,
    "grpc": _GRPC,
    "a2a": _A2A,
    "mcp": _MCP,
}
"""The arguments of each call; that of asyncapi is made by `asyncapi`."""
