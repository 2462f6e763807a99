"""What each property of the DSL is for, a sentence or two each, in our own words.

By the name that the grammar gives a record (`Record.says`), then by property. What several records
share is written once, in `_SHARED`. A test holds the table against the grammar.
"""

from __future__ import annotations

from typing import Final

_CREDENTIALS: Final = {
    "username": "Who logs in.",
    "password": "The password; keep it among the secrets: `${ $secrets.name }`.",
    "use": "The name of a secret that holds all of this.",
}

_OAUTH: Final = {
    "use": "The name of a secret that holds all of this.",
    "authority": "The URL of the server that gives the tokens.",
    "grant": "How a token is asked for; between programs mostly `client_credentials`.",
    "client": "Who asks: the id of the application, and how it proves to be it.",
    "request": "How the request for a token is written.",
    "issuers": "Who may have issued a token, if not only the authority.",
    "scopes": "What the token should allow.",
    "audiences": "For whom the token is meant.",
    "username": "Who logs in, for the grant `password`.",
    "password": "The password, for the grant `password`.",
    "subject": "The token of the one on whose behalf the request is made.",
    "actor": "The token of the one who makes it.",
}

_EVENT: Final = {
    "id": "Tells events of one source apart; made up when left out.",
    "source": "Where the event comes from, as a URI; this workflow when left out.",
    "type": "What happened, such as `com.example.order.placed`.",
    "time": "When it happened; now when left out.",
    "subject": "What it happened to, within the source.",
    "datacontenttype": "The media type of the data; `application/json` when left out.",
    "dataschema": "The URI of a schema that the data fits.",
    "data": "What there is to say about it: any value.",
}

_STRATEGY: Final = {
    "all": "Waits until an event has come for each of these filters.",
    "any": "Waits for an event that fits one of these filters; an empty list takes any event.",
    "one": "Waits for one event that fits this filter.",
    "until": "When to stop listening: an expression over what was consumed, or events of its own. Only for `any`.",
}

_ERROR: Final = {
    "type": "A URI that says what kind of error it is.",
    "status": "A number that says the same to machines, as in HTTP.",
    "instance": "The JSON pointer of the place it concerns; the failing task when left out.",
    "title": "The kind of error in a few words.",
    "detail": "What went wrong this time.",
}

_PROCESS: Final = {
    "stdin": "Text that the process reads as its input.",
    "arguments": "What the process is called with, one text each.",
    "environment": "Variables of the process's environment.",
}

WORDS: Final[dict[str, dict[str, str]]] = {
    "a workflow": {
        "document": "Who this workflow is: its name and version, and the version of the DSL it is written in.",
        "input": "What the workflow is given: a schema it must fit, and what is made of it before the first task.",
        "use": "What tasks refer to by name: functions, errors, retries, timeouts, secrets and more.",
        "do": "The tasks, one after the other. Each is a list item with one name.",
        "timeout": "How long the whole run may take: a timeout, or the name of one under `use.timeouts`.",
        "output": "What the workflow gives when it ends: the last task's output, made into something else here.",
        "schedule": "When the workflow starts by itself on a node that serves.",
        "evaluate": "How expressions are written.",
    },
    "document": {
        "dsl": "The version of the DSL, in quotes: `'1.0.3'`.",
        "namespace": "Groups workflows that belong together.",
        "name": "Names the workflow within its namespace.",
        "version": "A semantic version, in quotes: `'0.1.0'`. Change it when you change what the workflow does.",
        "title": "The name for people.",
        "summary": "What the workflow is for; Markdown is fine.",
        "tags": "Names and values to find the workflow by.",
        "metadata": "Anything else that tools may want to know.",
    },
    "input": {
        "schema": "What the input must look like; anything else is refused before the work begins.",
        "from": "Makes the raw input into what the task works with: an expression, or an object of them.",
    },
    "output": {
        "schema": "What the output must look like; anything else is a validation error.",
        "as": "Makes the raw output into what the next task is given: an expression, or an object of them.",
    },
    "export": {
        "schema": "What the new context must look like.",
        "as": "What becomes the run's `$context` from here on. To add to it: `${ $context + { name: . } }`.",
    },
    "a schema": {
        "format": "`json`, which is also what it is when left out.",
        "document": "The schema itself, as JSON Schema.",
        "resource": "Where the schema is: a file or a URL.",
    },
    "an external resource": {
        "name": "A name for people.",
        "endpoint": "The URL or the file, relative to this document.",
    },
    "an endpoint": {
        "uri": "The address; `{name}` in it stands for a value of the task's input.",
        "authentication": "How to prove who asks: a policy, or the name of one under `use.authentications`.",
    },
    "an authentication policy": {
        "use": "The name of a policy under `use.authentications`.",
        "basic": "A name and a password with each request (RFC 7617).",
        "bearer": "A token with each request (RFC 6750).",
        "digest": "A name and a password that never cross the line (RFC 7616).",
        "oauth2": "A token from an OAuth2 server, asked for when needed.",
        "oidc": "A token from an OpenID Connect server, which is found by its authority.",
    },
    "basic authentication": _CREDENTIALS,
    "digest authentication": _CREDENTIALS,
    "bearer authentication": {
        "token": "The token; keep it among the secrets: `${ $secrets.name }`.",
        "use": "The name of a secret that holds all of this.",
    },
    "OAuth2 authentication": {**_OAUTH, "endpoints": "Where the server does what, when it is not at the usual paths."},
    "OpenID Connect authentication": _OAUTH,
    "an OAuth2 client": {
        "id": "The application's id at the server.",
        "secret": "What only the application knows; keep it among the secrets.",
        "assertion": "A signed token that proves who the application is.",
        "authentication": "How the application proves who it is when it asks for a token.",
    },
    "a token request": {"encoding": "How the request's body is written."},
    "an OAuth2 token": {"token": "The token.", "type": "Its type, as a URI of RFC 8693."},
    "OAuth2 endpoints": {
        "token": "Where tokens are given; `/oauth2/token` when left out.",
        "revocation": "Where tokens are given back.",
        "introspection": "Where tokens are asked about.",
    },
    "use": {
        "authentications": "Ways to prove who asks, by name.",
        "catalogs": "Places that functions come from, by name: `call: NAME:VERSION@CATALOG`.",
        "errors": "Errors that `raise` names.",
        "extensions": "Tasks that run before and after other tasks of a kind.",
        "functions": "Tasks that `call` names, with what it is called with as their input.",
        "retries": "Retry policies that `catch` names.",
        "secrets": "Names of values that are given at the start and never recorded: `$secrets.NAME`.",
        "timeouts": "Timeouts that tasks name.",
    },
    "a catalog": {"endpoint": "The URL below which the catalog's functions are."},
    "an error": _ERROR,
    "an error filter": {
        "type": "Catch errors of this kind.",
        "status": "Catch errors with this status.",
        "instance": "Catch errors of this task, by its reference.",
        "title": "Catch errors with this title.",
        "detail": "Catch errors with this detail.",
    },
    "an extension": {
        "extend": "Which kind of tasks it concerns; `all` for every one.",
        "when": "Whether it concerns this very task: an expression.",
        "before": "Tasks that run before it.",
        "after": "Tasks that run after it.",
    },
    "a task": {
        "if": "Runs the task only when this expression holds; otherwise it is skipped.",
        "input": "What the task is given.",
        "output": "What the task gives to the next one.",
        "export": "What the task leaves in the run's `$context`.",
        "timeout": "How long the task may take: a timeout, or the name of one under `use.timeouts`.",
        "then": "Where to go afterwards: a task of this list, `continue`, `exit` (leave this list) or `end`.",
        "metadata": "Anything that tools may want to know; `idempotent: true` allows repeating it after a crash.",
    },
    "a call": {
        "call": "Calls something: `http`, `openapi`, a function under `use.functions`, or one of a catalog.",
        "with": "What it is called with.",
    },
    "a do task": {"do": "Runs these tasks one after the other, as one."},
    "a fork task": {"fork": "Runs several tasks at the same time."},
    "a fork": {
        "branches": "The tasks, each with a name. The output is a list of theirs.",
        "compete": "With `true` the first branch to end gives the output, and the others are cancelled.",
    },
    "an emit task": {"emit": "Publishes an event that other runs may be waiting for."},
    "emit": {"event": "The event to publish."},
    "an event to emit": {"with": "The event's attributes and data (CloudEvents 1.0)."},
    "an event": _EVENT,
    "an event filter's with": {
        name: f"The event's `{name}` must be this, or fit this expression or regular expression." for name in _EVENT
    },
    "a for task": {
        "for": "Runs tasks once for each item of a list. The output is that of the last round.",
        "while": "Goes on only as long as this expression holds.",
        "do": "The tasks of a round.",
    },
    "a loop": {
        "each": "The variable that holds the item; `$item` when left out.",
        "in": "The list: an expression, or the items themselves.",
        "at": "The variable that holds the item's place, from 0; `$index` when left out.",
    },
    "a listen task": {
        "listen": "Waits for events.",
        "foreach": "Runs tasks for each event that comes.",
    },
    "listen": {
        "to": "Which events to wait for.",
        "read": "What of an event is the output: its `data`, the whole `envelope`, or its `raw` text.",
    },
    "an event consumption strategy": _STRATEGY,
    "what 'until' waits for": {name: words for name, words in _STRATEGY.items() if name != "until"},
    "an event filter": {
        "with": "What the event's attributes must be.",
        "correlate": "Values that must be the same in all events that are consumed together.",
    },
    "a correlation": {
        "from": "Takes the value out of the event: an expression.",
        "expect": "What the value must be; the first event decides when left out.",
    },
    "a subscription iterator": {
        "item": "The variable that holds the event; `$item` when left out.",
        "at": "The variable that holds its place, from 0; `$index` when left out.",
        "do": "The tasks to run for it.",
        "output": "What is kept of each round.",
        "export": "What each round leaves in `$context`.",
    },
    "a raise task": {"raise": "Fails on purpose, with an error that a `try` around it may catch."},
    "raise": {"error": "The error: as an object, or the name of one under `use.errors`."},
    "a run task": {"run": "Runs a process on this machine, or another workflow."},
    "a process to run": {
        "container": "Runs a container.",
        "script": "Runs a script in a language of this machine.",
        "shell": "Runs a command of the shell.",
        "workflow": "Runs another workflow and takes its output.",
        "await": "With `false` the task does not wait for it to end.",
        "return": "What is the output: what it printed, its exit code, or all of it.",
    },
    "a container": {
        **_PROCESS,
        "image": "The image to run.",
        "name": "A name for the container; expressions are fine.",
        "command": "The command to run in it.",
        "ports": "Ports of the container by ports of this machine.",
        "volumes": "Folders of the container by folders of this machine.",
        "lifetime": "What becomes of the container afterwards.",
        "pullPolicy": "When to get the image again.",
    },
    "a container lifetime": {
        "cleanup": "When the container is removed.",
        "after": "How long it stays, with `cleanup: eventually`.",
    },
    "a duration": {
        "days": "Days.",
        "hours": "Hours.",
        "minutes": "Minutes.",
        "seconds": "Seconds.",
        "milliseconds": "Thousandths of a second.",
    },
    "a script": {
        **_PROCESS,
        "arguments": "What the script is called with: a list of texts, or an object of variables.",
        "language": "The language of the script, such as `python` or `js`.",
        "code": "The script itself.",
        "source": "Where the script is: a file or a URL.",
    },
    "a shell command": {**_PROCESS, "command": 'The command, for `sh`. Pass values as `arguments`: `"$1"`.'},
    "a workflow to run": {
        "namespace": "The workflow's namespace.",
        "name": "The workflow's name.",
        "version": "Its version; `latest` takes the highest.",
        "input": "What it is given.",
    },
    "a set task": {"set": "Makes data: an object with expressions in it becomes the output."},
    "a switch task": {"switch": "Goes where the first case that holds leads."},
    "a case": {
        "when": "The condition; a case without one is taken when no other is.",
        "then": "Where to go: a task of the list that the switch is in, `continue`, `exit` or `end`.",
    },
    "a try task": {
        "try": "Runs these tasks, and catches what goes wrong in them.",
        "catch": "Which errors are caught, and what is done about them.",
    },
    "a catch": {
        "errors": "Which errors are caught; all when left out.",
        "as": "The variable that holds the error; `$error` when left out.",
        "when": "Catches only when this expression holds.",
        "exceptWhen": "Does not catch when this expression holds.",
        "retry": "How to try again: a policy, or the name of one under `use.retries`.",
        "do": "Tasks to run when an error was caught and trying again did not help.",
        "then": "Where to go afterwards.",
    },
    "catch.errors": {"with": "What the error's properties must be."},
    "a retry policy": {
        "when": "Tries again only when this expression holds.",
        "exceptWhen": "Does not try again when this expression holds.",
        "delay": "How long to wait before the first time.",
        "backoff": "How the wait grows from one time to the next.",
        "limit": "How often, and for how long.",
        "jitter": "A bit of chance on top of each wait, so that not all come back at once.",
    },
    "a backoff": {
        "constant": "Always the same wait.",
        "exponential": "Each wait is twice the one before.",
        "linear": "Each wait is longer by the same amount.",
    },
    "a retry limit": {
        "attempt": "Bounds each attempt, and their number.",
        "duration": "How long all of it may take.",
    },
    "an attempt limit": {
        "count": "How many times to try again.",
        "duration": "How long one attempt may take.",
    },
    "a jitter": {"from": "The least.", "to": "The most."},
    "a wait task": {"wait": "Waits: ISO 8601 such as `PT30S`, or an object such as `{ seconds: 30 }`."},
    "an HTTP call": {
        "method": "The method: get, post, put, patch, delete, head or options.",
        "endpoint": "The address; `{name}` in it stands for a value of the task's input.",
        "headers": "The request's headers.",
        "body": "The request's body; anything but text is sent as JSON.",
        "query": "What is added to the address behind `?`.",
        "output": "What is the output: the `content` as a value, the whole `response`, or the `raw` bytes in base 64.",
        "redirect": "With `true` an answer from 300 to 399 counts as a result; it is never followed.",
    },
    "an OpenAPI call": {
        "document": "Where the API's description is.",
        "operationId": "Which of its operations to call.",
        "parameters": "The operation's parameters, and its body.",
        "authentication": "How to prove who asks.",
        "output": "What is the output: `content`, `response` or `raw`.",
        "redirect": "With `true` an answer from 300 to 399 counts as a result; it is never followed.",
    },
    "a gRPC call": {
        "proto": "Where the service's description is.",
        "service": "The service, and where it runs.",
        "method": "Which of its methods to call.",
        "arguments": "What the method is given.",
    },
    "a gRPC service": {
        "name": "The service's name in the description.",
        "host": "The machine it runs on.",
        "port": "The port it listens on.",
        "authentication": "How to prove who asks.",
    },
    "an A2A call": {
        "agentCard": "Where the agent describes itself.",
        "server": "The agent's address.",
        "method": "What to ask of the agent.",
        "parameters": "What the method is given.",
    },
    "an MCP call": {
        "protocolVersion": "The version of the protocol to speak.",
        "method": "What to ask of the server; mostly `tools/call`.",
        "parameters": "What the method is given: for a tool, its `name` and `arguments`.",
        "timeout": "How long to wait for an answer.",
        "transport": "How to reach the server.",
        "client": "Who we say we are.",
    },
    "an MCP transport": {
        "http": "Over HTTP.",
        "stdio": "As a process of this machine.",
        "options": "Further options of the transport.",
    },
    "an MCP HTTP transport": {"endpoint": "The server's address.", "headers": "Headers of each request."},
    "an MCP stdio transport": {
        "command": "The command that starts the server.",
        "arguments": "What it is called with.",
        "environment": "Variables of its environment.",
    },
    "an MCP client": {"name": "The client's name.", "version": "The client's version."},
    "an AsyncAPI call": {
        "document": "Where the API's description is.",
        "channel": "The channel to speak on.",
        "operation": "The operation to perform.",
        "server": "Which of its servers to use.",
        "protocol": "Which protocol to use.",
        "message": "What to publish.",
        "subscription": "What to receive.",
        "authentication": "How to prove who asks.",
    },
    "an AsyncAPI server": {"name": "The server's name in the description.", "variables": "Variables of its address."},
    "an AsyncAPI message": {"payload": "What the message says.", "headers": "The message's headers."},
    "an AsyncAPI subscription": {
        "filter": "Which messages to take: an expression.",
        "consume": "How many messages, or for how long.",
        "foreach": "Runs tasks for each message that comes.",
    },
    "a consumption policy": {
        "for": "Receives for this long.",
        "amount": "Receives this many.",
        "while": "Receives as long as this expression holds.",
        "until": "Receives until this expression holds.",
    },
    "a timeout": {"after": "How long: ISO 8601 such as `PT30S`, or an object such as `{ seconds: 30 }`."},
    "metadata": {"idempotent": "Whether repeating the task's effect does no harm, so that a crash need not ask."},
    "a schedule": {
        "every": "Starts again and again, this far apart.",
        "cron": "Starts at these times: minute, hour, day of the month, month, day of the week.",
        "after": "Starts this long after the run before has ended.",
        "on": "Starts when these events come; they are the run's input.",
        "read": "What of an event is the input: its `data`, the whole `envelope`, or its `raw` text.",
    },
    "evaluate": {
        "language": "`jq`.",
        "mode": "`strict`: expressions stand between `${` and `}`. `loose`: every text may be one.",
    },
}

DIRECTIVES: Final = {
    "continue": "Go on with the next task of this list.",
    "exit": "Leave this list, and go on behind the task that holds it.",
    "end": "End the whole run.",
}

ARGUMENTS: Final = {
    "context": "What tasks have exported so far.",
    "input": "The task's input, once made by `input.from`.",
    "output": "The task's output, once made by `output.as`.",
    "secrets": "The secrets named under `use.secrets`; never recorded.",
    "task": "This task: name, reference, definition, input, output, startedAt.",
    "workflow": "This run: id, definition, input, startedAt.",
    "runtime": "The program that runs it: name, version, metadata.",
    "authorization": "How the call proved who asks: scheme, parameter.",
}

PARTS: Final = {
    "task": ("name", "reference", "definition", "input", "output", "startedAt"),
    "workflow": ("id", "definition", "input", "startedAt"),
    "runtime": ("name", "version", "metadata"),
    "authorization": ("scheme", "parameter"),
}
"""What is in some of the arguments."""


def sentence(record: str, name: str) -> str | None:
    """What the property of a record is for; None for one that the DSL does not know."""
    return WORDS.get(record, {}).get(name) or WORDS["a task"].get(name)
