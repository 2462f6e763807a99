"""What a document becomes: references, templates, policies, calls, processes, functions, extensions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from reach_workbench.engine import program as p
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.compile import compile_document, compile_function
from reach_workbench.engine.evaluate import InProcess, evaluate
from reach_workbench.engine.templates import Constant, Expression, Template

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '0.1.0'}\n"


def program(text: str, **options: Any) -> p.Program:
    compilation = compile_document(HEAD + text, "case.yaml", **options)
    assert compilation.program is not None, "\n".join(map(str, compilation.diagnostics))
    return compilation.program


def first(text: str) -> p.Task:
    """The only task of a workflow whose task `a` is `text`, in flow style."""
    return program(f"do: [{{a: {text}}}]").block.tasks[0]


def value(template: Template | None, data: Any = None, **variables: Any) -> Any:
    assert template is not None
    return evaluate(template, data, variables, InProcess())


def test_what_a_workflow_says_of_itself_is_kept() -> None:
    text = """
use: {secrets: [token], catalogs: {c: {endpoint: 'https://example.com/catalog'}}, timeouts: {t: {after: PT2S}}}
input: {schema: {document: {type: object}}, from: .order}
output: {as: {total: '${ .sum }'}, schema: {format: 'json:2020-12', resource: {endpoint: schema.json}}}
timeout: t
schedule: {cron: 0 0 * * *, read: envelope, on: {one: {with: {type: x}}}}
evaluate: {mode: loose}
do: []
"""
    compiled = program(text)
    assert (compiled.namespace, compiled.name, compiled.version) == ("tests", "case", "0.1.0")
    assert compiled.secrets == ("token",)
    assert compiled.mode == "loose"
    assert compiled.timeout == p.Duration(2000)
    assert compiled.input_schema == p.Schema("json", {"type": "object"})
    assert value(compiled.input_from, {"order": 1}) == 1
    assert value(compiled.output_as, {"sum": 2}) == {"total": 2}
    assert compiled.output_schema is not None
    assert compiled.output_schema.resource is not None
    assert value(compiled.output_schema.resource.endpoint) == {"uri": "schema.json"}
    assert compiled.schedule == compiled.document["schedule"]
    assert value(compiled.catalogs["c"]) == {"uri": "https://example.com/catalog"}
    assert compiled.source == HEAD + text
    assert compiled.digest == hashlib.sha256(canonical(compiled.document)).hexdigest()


def test_the_digest_is_of_the_value_not_of_the_text() -> None:
    yaml = program("do:\n- a: &x {set: {x: 1}}\n- b: *x\n")
    text = json.dumps({**yaml.document, "do": [{"a": {"set": {"x": 1}}}, {"b": {"set": {"x": 1}}}]}, indent=1)
    same = compile_document(text, "case.json").program
    assert same is not None
    assert same.digest == yaml.digest
    assert program("do: [{a: {set: {x: 2}}}]").digest != yaml.digest


def test_every_task_has_its_pointer_as_reference() -> None:
    compiled = program("""
use:
  extensions:
  - log: {extend: wait, before: [{b: {set: {x: 1}}}], after: [{c: {set: {x: 1}}}]}
  functions:
    f/g: {do: [{x: {set: {x: 1}}}]}
do:
- a: {do: [{b~c: {set: {x: 1}}}]}
- f: {fork: {branches: [{x: {set: {x: 1}}}, {y: {do: [{z: {set: {x: 1}}}]}}]}}
- t: {try: [{x: {set: {x: 1}}}], catch: {do: [{y: {set: {x: 1}}}]}}
- l: {for: {in: .}, do: [{x: {set: {x: 1}}}]}
- e: {listen: {to: {any: []}}, foreach: {do: [{x: {set: {x: 1}}}]}}
- c: {call: f/g}
- w: {wait: PT1S}
""")
    assert list(compiled.tasks) == [
        "/do/0/a",
        "/do/0/a/do/0/b~0c",
        "/do/1/f",
        "/do/1/f/fork/branches/0/x",
        "/do/1/f/fork/branches/1/y",
        "/do/1/f/fork/branches/1/y/do/0/z",
        "/do/2/t",
        "/do/2/t/try/0/x",
        "/do/2/t/catch/do/0/y",
        "/do/3/l",
        "/do/3/l/do/0/x",
        "/do/4/e",
        "/do/4/e/foreach/do/0/x",
        "/do/5/c",
        "/do/6/w",
        "/use/extensions/0/log/before/0/b",
        "/use/extensions/0/log/after/0/c",
        "/use/functions/f~1g",
        "/use/functions/f~1g/do/0/x",
    ]
    for reference, task in compiled.tasks.items():
        assert task.reference == reference
        node: Any = compiled.document
        for step in reference.split("/")[1:]:
            node = node[int(step)] if isinstance(node, list) else node[step.replace("~1", "/").replace("~0", "~")]
        assert task.definition == node
    assert compiled.block.positions == {"a": 0, "f": 1, "t": 2, "l": 3, "e": 4, "c": 5, "w": 6}
    assert [task.line for task in compiled.block.tasks] == list(range(9, 16))


def test_what_tasks_have_in_common() -> None:
    task = first("""{if: .x, input: {from: .y, schema: {document: {type: integer}}}, output: {as: '${ . + 1 }'},
      export: {as: '{a: $output}', schema: {document: true}}, timeout: {after: {minutes: 1, seconds: 30}},
      then: end, metadata: {idempotent: true, note: kept}, set: {v: '${ . * 2 } of ${ $input }'}}""")
    assert (task.name, task.reference, task.kind, task.then, task.idempotent) == ("a", "/do/0/a", "set", "end", True)
    assert value(task.condition, {"x": False}) is False
    assert value(task.input_from, {"y": 4}) == 4
    assert task.input_schema == p.Schema("json", {"type": "integer"})
    assert value(task.output_as, 3) == 4
    assert value(task.export_as, 3, output=9) == {"a": 9}
    assert task.export_schema == p.Schema("json", True)
    assert task.timeout == p.Duration(90_000)
    assert isinstance(task.body, p.Set)
    assert value(task.body.value, 3, input=5) == {"v": "6 of 5"}
    plain = first("{set: .x}")
    assert plain.idempotent is None
    assert plain.then == "continue"
    assert isinstance(plain.body, p.Set)
    assert value(plain.body.value, {"x": [1]}) == [1]


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("PT0.25S", 250),
        ("P1DT2H3M4S", 93_784_000),
        ("P2W", 14 * 86_400_000),
        ("P1Y", 365 * 86_400_000),
        ("P1M", 30 * 86_400_000),
        ("{days: 1, hours: 1, minutes: 1, seconds: 1, milliseconds: 1}", 90_061_001),
    ],
)
def test_durations_are_computed_once(written: str, milliseconds: int) -> None:
    assert first(f"{{wait: {written}}}").body == p.Wait(p.Duration(milliseconds))


def test_a_duration_may_be_an_expression() -> None:
    body = first("{wait: '${ .d }'}").body
    assert isinstance(body, p.Wait)
    assert body.duration.milliseconds is None
    assert value(body.duration.template, {"d": "PT1S"}) == "PT1S"


def test_loops() -> None:
    body = first("{for: {in: '${ .pets }'}, while: $index < 2, do: [{b: {set: {x: $item}}}]}").body
    assert isinstance(body, p.For)
    assert (body.each, body.at) == ("item", "index")
    assert value(body.items, {"pets": [1]}) == [1]
    assert value(body.condition, None, index=2) is False
    inline = first("{for: {each: pet, at: n, in: [{name: '${ .first }'}, {name: Rex}]}, do: []}").body
    assert isinstance(inline, p.For)
    assert (inline.each, inline.at) == ("pet", "n")
    assert value(inline.items, {"first": "Bo"}) == [{"name": "Bo"}, {"name": "Rex"}]


def test_forks_and_switches() -> None:
    fork = first("{fork: {compete: true, branches: [{x: {set: {y: 1}}}, {z: {wait: PT1S}}]}}").body
    assert isinstance(fork, p.Fork)
    assert fork.compete
    assert [(branch.name, branch.kind) for branch in fork.branches] == [("x", "set"), ("z", "wait")]
    switch = first("{switch: [{x: {when: .y == 1, then: exit}}, {z: {then: a}}]}").body
    assert isinstance(switch, p.Switch)
    assert [(case.name, case.then, case.when is None) for case in switch.cases] == [
        ("x", "exit", False),
        ("z", "a", True),
    ]


def test_a_try_with_a_policy_of_its_own() -> None:
    body = first("""{try: [{b: {set: {x: 1}}}], catch: {errors: {with: {status: 503, type: https://example.com/e}},
      as: err, when: $err.status > 1, exceptWhen: '${ $err.detail == "no" }', then: end, do: [],
      retry: {when: .x, exceptWhen: .y, delay: {seconds: 3}, backoff: {exponential: {}},
              limit: {attempt: {count: 5, duration: PT1S}, duration: PT1M}, jitter: {from: PT0S, to: PT1S}}}}""").body
    assert isinstance(body, p.Try)
    catch, retry = body.catch, body.catch.retry
    assert catch.errors == {"status": 503, "type": "https://example.com/e"}
    assert (catch.variable, catch.then) == ("err", "end")
    assert catch.block == p.Block((), {})
    assert value(catch.when, None, err={"status": 2}) is True
    assert value(catch.except_when, None, err={"detail": "no"}) is True
    assert retry is not None
    assert (retry.delay, retry.backoff, retry.attempts) == (p.Duration(3000), "exponential", 5)
    assert (retry.attempt_duration, retry.duration) == (p.Duration(1000), p.Duration(60_000))
    assert retry.jitter == (p.Duration(0), p.Duration(1000))


def test_a_try_with_the_least_there_is() -> None:
    body = first("{try: [], catch: {}}").body
    assert isinstance(body, p.Try)
    assert body.catch == p.Catch(None, "error", None, None, None, None, None)


def test_policies_errors_and_timeouts_by_name() -> None:
    compiled = program("""
use:
  retries: {calm: {backoff: {linear: {}}, delay: PT1S}}
  errors: {gone: {type: https://example.com/gone, status: 410, detail: '${ "no \\(.id)" }'}}
  timeouts: {short: {after: PT5S}}
do:
- a: {try: [], catch: {retry: calm}, timeout: short}
- b: {raise: {error: gone}}
""")
    attempt, failing = compiled.block.tasks
    assert isinstance(attempt.body, p.Try)
    assert attempt.body.catch.retry == p.Retry(delay=p.Duration(1000), backoff="linear")
    assert attempt.timeout == p.Duration(5000)
    assert isinstance(failing.body, p.Raise)
    assert value(failing.body.error, {"id": 7}) == {"type": "https://example.com/gone", "status": 410, "detail": "no 7"}


def test_events_out_and_in() -> None:
    emit = first(
        "{emit: {event: {with: {source: 'https://example.com/{id}', type: t, data: {n: '${ .n }'}, extra: 1}}}}"
    ).body
    assert isinstance(emit, p.Emit)
    assert value(emit.event, {"id": 1, "n": 2}) == {
        "source": "https://example.com/1",
        "type": "t",
        "data": {"n": 2},
        "extra": 1,
    }
    listen = first("""{listen: {read: envelope, to: {any: [{with: {type: a.*, data: '${ .t > 38 }'},
      correlate: {room: {from: .room, expect: '${ .wanted }'}, seat: {from: .seat}}}],
      until: {one: {with: {type: stop}}}}},
      foreach: {item: e, at: i, output: {as: $e.data}, export: {as: '$context + {last: $output}'}}}""").body
    assert isinstance(listen, p.Listen)
    strategy = listen.strategy
    assert (listen.read, strategy.mode, strategy.until_condition) == ("envelope", "any", None)
    assert strategy.until is not None
    assert strategy.until.filters[0].attributes == {"type": Constant("stop")}
    wanted = strategy.filters[0]
    assert wanted.attributes["type"] == Constant("a.*")
    assert value(wanted.attributes["data"], {"t": 39}) is True
    assert [(each.name, each.extract.source, each.expect is None) for each in wanted.correlations] == [
        ("room", ".room", False),
        ("seat", ".seat", True),
    ]
    assert listen.foreach is not None
    assert (listen.foreach.item, listen.foreach.at, listen.foreach.block) == ("e", "i", None)
    assert value(listen.foreach.output_as, None, e={"data": 1}) == 1
    plain = first("{listen: {to: {any: [], until: '. | length > 3'}}}").body
    assert isinstance(plain, p.Listen)
    assert (plain.read, plain.foreach, plain.strategy.filters) == ("data", None, ())
    assert value(plain.strategy.until_condition, [1, 2, 3, 4]) is True


def test_an_http_call_carries_all_its_arguments() -> None:
    compiled = program("""
use:
  secrets: [odd-name, plain]
  authentications:
    shared: {oauth2: {authority: 'https://id.example.com/{realm}', endpoints: {token: /t}, grant: client_credentials,
                      client: {id: me, secret: '${ $secrets.plain }'}}}
    stored: {basic: {use: odd-name}}
do:
- a: {call: http, with: {method: post, endpoint: 'https://example.com/{id}', headers: {h: '${ .h }'}, query: {q: 1},
                         body: {b: ['${ .b }']}, output: response, redirect: true}}
- b: {call: http, with: {method: get, endpoint: {uri: '${ .where }', authentication: {use: shared}}}}
- c: {call: http, with: {method: get, endpoint: {uri: x, authentication: {use: stored}}}}
- d: {call: http, with: {method: get, endpoint: {uri: x, authentication: {bearer: {use: plain}}}, headers: '${ .h }'}}
""")
    a, b, c, d = (task.body for task in compiled.block.tasks)
    assert isinstance(a, p.Call)
    assert a.command == "http.call"
    assert value(a.arguments, {"id": "x/y", "h": "1", "b": 2}) == {
        "method": "post",
        "endpoint": {"uri": "https://example.com/x%2Fy"},
        "headers": {"h": "1"},
        "query": {"q": 1},
        "body": {"b": [2]},
        "output": "response",
        "redirect": True,
    }
    assert isinstance(b, p.Call)
    secrets = {"plain": "⟦secret:plain⟧", "odd-name": {"username": "⟦secret:odd-name/username⟧"}}
    assert value(b.arguments, {"where": "https://x", "realm": "r"}, secrets=secrets)["endpoint"] == {
        "uri": "https://x",
        "authentication": {
            "oauth2": {
                "authority": "https://id.example.com/r",
                "endpoints": {"token": "/t"},
                "grant": "client_credentials",
                "client": {"id": "me", "secret": "⟦secret:plain⟧"},
            }
        },
    }
    assert isinstance(c, p.Call)
    assert value(c.arguments, None, secrets=secrets)["endpoint"]["authentication"] == {"basic": secrets["odd-name"]}
    assert isinstance(d, p.Call)
    assert value(d.arguments, {"h": {"k": "v"}}, secrets=secrets) == {
        "method": "get",
        "endpoint": {"uri": "x", "authentication": {"bearer": "⟦secret:plain⟧"}},
        "headers": {"k": "v"},
    }


def test_an_openapi_call_carries_its_document() -> None:
    body = first("""{call: openapi, with: {document: {name: pets, endpoint: 'https://example.com/{v}/openapi.json'},
      operationId: find, parameters: {status: '${ .s }'}, authentication: {basic: {username: u, password: p}}}}""").body
    assert isinstance(body, p.Call)
    assert body.command == "openapi.call"
    assert value(body.arguments, {"v": 3, "s": "sold"}) == {
        "document": {"name": "pets", "endpoint": {"uri": "https://example.com/3/openapi.json"}},
        "operationId": "find",
        "parameters": {"status": "sold"},
        "authentication": {"basic": {"username": "u", "password": "p"}},
    }


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("grpc", "{proto: {endpoint: a.proto}, service: {name: N, host: h, port: 1}, method: m, arguments: {x: 1}}"),
        (
            "asyncapi",
            "{document: {endpoint: a}, operation: o, subscription: {consume: {amount: 1}, foreach: {do: []}}}",
        ),
        ("a2a", "{method: message/send, agentCard: {endpoint: a}, parameters: {message: {parts: []}}}"),
        ("mcp", "{method: tools/list, transport: {stdio: {command: c, arguments: [a]}}, timeout: PT1S}"),
    ],
)
def test_calls_that_cannot_run_yet_compile_in_full(call: str, arguments: str) -> None:
    task = first(f"{{call: {call}, with: {arguments}}}")
    assert task.kind == "call"
    assert task.body == p.Unsupported(f"call: {call}")


def test_processes() -> None:
    shell = first(
        """{run: {shell: {command: 'echo ${ .name } ${HOME}', arguments: ['${ .n }'], environment: {A: '${ .n }'}},
        return: all}}"""
    ).body
    assert isinstance(shell, p.Run)
    assert (shell.command, shell.wait, shell.result) == ("shell.run", True, "all")
    assert value(shell.arguments, {"name": "Bo", "n": 1}) == {
        "command": "echo Bo ${HOME}",
        "arguments": [1],
        "environment": {"A": 1},
    }
    script = first("{run: {script: {language: js, code: 'log(`${ x }`)', stdin: '${ .in }'}, await: false}}").body
    assert isinstance(script, p.Run)
    assert (script.command, script.wait, script.result) == ("script.run", False, "stdout")
    assert value(script.arguments, {"in": "i"}) == {"language": "js", "code": "log(`${ x }`)", "stdin": "i"}
    sourced = first("{run: {script: {language: python, source: {endpoint: 'lib/{n}.py'}, arguments: {a: 1}}}}").body
    assert isinstance(sourced, p.Run)
    assert value(sourced.arguments, {"n": "go"})["source"] == {"endpoint": {"uri": "lib/go.py"}}
    container = first(
        "{run: {container: {image: 'img:${ .tag }', command: 'ls ${HOME}', lifetime: {cleanup: always}}}}"
    ).body
    assert isinstance(container, p.Run)
    assert container.command == "container.run"
    assert value(container.arguments, {"tag": "1"}) == {
        "image": "img:1",
        "command": "ls ${HOME}",
        "lifetime": {"cleanup": "always"},
    }
    workflow = first(
        "{run: {workflow: {namespace: n, name: w, version: '1.0.0', input: '${ .x }'}, return: none}}"
    ).body
    assert isinstance(workflow, p.Run)
    assert (workflow.command, workflow.result) == ("workflow.run", "none")
    assert value(workflow.arguments, {"x": [1]})["input"] == [1]


def test_functions_of_the_document_are_shared_and_see_no_variables_of_their_callers() -> None:
    compiled = program("""
use: {functions: {greet: {input: {schema: {document: {type: object}}}, set: {hello: '${ .name }'}}}}
do:
- a: {call: greet, with: {name: '${ .who }'}}
- b: {for: {in: .x}, do: [{c: {call: greet}}]}
""")
    a = compiled.block.tasks[0]
    assert a.kind == "function"
    assert isinstance(a.body, p.CallFunction)
    assert a.body.task is compiled.tasks["/use/functions/greet"]
    assert a.body.task.name == "greet"
    assert value(a.body.arguments, {"who": "Bo"}) == {"name": "Bo"}
    c = compiled.tasks["/do/1/b/do/0/c"].body
    assert isinstance(c, p.CallFunction)
    assert c.task is a.body.task
    assert c.arguments is None


@pytest.mark.parametrize(
    ("root", "call", "uri"),
    [
        ("https://example.com/catalog", "log:1.0.0@c", "https://example.com/catalog/functions/log/1.0.0/function.yaml"),
        (
            "https://example.com/catalog/",
            "log:1.0.0@c",
            "https://example.com/catalog/functions/log/1.0.0/function.yaml",
        ),
        ("https://x/{tenant}/", "log:1.0.0@c", "https://x/acme/functions/log/1.0.0/function.yaml"),
        ("https://x/{tenant}", "log:1.0.0@c", "https://x/acme/functions/log/1.0.0/function.yaml"),
        ("${ .root }", "log:1.0.0@c", "https://r/functions/log/1.0.0/function.yaml"),
        ("https://x/${ .tenant }/y/", "log:1.0.0@c", "https://x/acme/y/functions/log/1.0.0/function.yaml"),
        ("https://x/${ .tenant }", "log:1.0.0@c", "https://x/acme/functions/log/1.0.0/function.yaml"),
        ("https://x", "log:1.0.0@default", "catalog:default/log/1.0.0"),
        ("https://x", "https://example.com/f.yaml", "https://example.com/f.yaml"),
        ("https://x", "https://github.com/org/repo/f@v1.0.0", "https://github.com/org/repo/f@v1.0.0"),
        ("https://x", "functions/f.yaml", "functions/f.yaml"),
    ],
)
def test_functions_from_elsewhere_are_found_by_their_uri(root: str, call: str, uri: str) -> None:
    compiled = program(
        f"use: {{catalogs: {{c: {{endpoint: {{uri: '{root}'}}}}}}}}\ndo: [{{a: {{call: '{call}', with: {{x: 1}}}}}}]"
    )
    body = compiled.block.tasks[0].body
    assert isinstance(body, p.CallFunction)
    assert body.task is None
    assert body.resource is not None
    assert value(body.resource.endpoint, {"tenant": "acme", "root": "https://r/"}) == {"uri": uri}


def test_a_catalog_may_need_authentication_and_may_stand_for_the_default_one() -> None:
    compiled = program("""
use: {catalogs: {default: {endpoint: {uri: https://x, authentication: {basic: {username: u, password: p}}}}}}
do: [{a: {call: log:1.0.0@default}}]
""")
    body = compiled.block.tasks[0].body
    assert isinstance(body, p.CallFunction)
    assert body.resource is not None
    assert value(body.resource.endpoint) == {
        "uri": "https://x/functions/log/1.0.0/function.yaml",
        "authentication": {"basic": {"username": "u", "password": "p"}},
    }


def test_python_functions_are_commands() -> None:
    body = first("{call: 'greet:1.0.0@python', with: {name: '${ .n }'}}").body
    assert isinstance(body, p.Call)
    assert body.command == "function.call"
    assert value(body.arguments, {"n": "Bo"}) == {"function": "greet:1.0.0", "arguments": {"name": "Bo"}}


def test_extensions_apply_by_kind_but_not_to_extensions() -> None:
    compiled = program("""
use:
  functions: {f: {set: {x: 1}}}
  extensions:
  - everything: {extend: all, when: $task.name != "x", before: [{log: {set: {x: 1}, then: exit}}]}
  - calls: {extend: call, after: [{note: {call: f}}]}
  - blocks: {extend: composite}
do:
- a: {call: http, with: {method: get, endpoint: x}}
- b: {call: f}
- c: {do: [{d: {wait: PT1S}}]}
""")
    names = {reference: [each.name for each in task.extensions] for reference, task in compiled.tasks.items()}
    assert names == {
        "/do/0/a": ["everything", "calls"],
        "/do/1/b": ["everything", "calls"],
        "/do/2/c": ["everything", "blocks"],
        "/do/2/c/do/0/d": ["everything"],
        "/use/extensions/0/everything/before/0/log": [],
        "/use/extensions/1/calls/after/0/note": [],
        "/use/functions/f": ["everything"],
    }
    note = compiled.tasks["/use/extensions/1/calls/after/0/note"].body
    assert isinstance(note, p.CallFunction)
    assert note.task is not None
    assert note.task.extensions == ()
    everything = compiled.block.tasks[0].extensions[0]
    assert everything.after is None
    assert everything.before is not None
    assert everything.before.positions == {"log": 0}
    assert value(everything.when, None, task={"name": "x"}) is False


def test_loose_mode_tries_every_text_as_an_expression() -> None:
    text = "evaluate: {mode: loose}\ndo: [{a: {set: {sum: .a + 1, text: Hello there, price: costs $5, list: [.a]}}}]"
    body = program(text).block.tasks[0].body
    assert isinstance(body, p.Set)
    assert value(body.value, {"a": 1}) == {"sum": 2, "text": "Hello there", "price": "costs $5", "list": [1]}


def test_a_function_that_was_fetched_stands_alone() -> None:
    text = """
input: {schema: {document: {type: object}}}
do:
- add: {set: '${ .a + .b }'}
- more: {call: 'https://example.com/other.yaml'}
output: {as: {sum: '${ . }'}}
"""
    compilation = compile_function(text, "add", "/do/0/x")
    assert compilation.diagnostics == ()
    task = compilation.task
    assert task is not None
    assert (task.name, task.reference, task.kind) == ("add", "/do/0/x", "do")
    assert isinstance(task.body, p.Do)
    assert [each.reference for each in task.body.block.tasks] == ["/do/0/x/do/0/add", "/do/0/x/do/1/more"]
    assert value(task.output_as, 3) == {"sum": 3}
    same = compile_function({"set": {"x": "${ .y }"}}, "f", "/f").task
    assert same is not None
    assert isinstance(same.body, p.Set)


def test_a_function_that_was_never_text_may_have_tasks_inside() -> None:
    task = compile_function({"do": [{"a": {"set": {"x": 1}}}, {"b": {"set": {"y": 2}}}]}, "f", "/f").task
    assert task is not None
    assert isinstance(task.body, p.Do)
    assert [(each.reference, each.line) for each in task.body.block.tasks] == [("/f/do/0/a", 1), ("/f/do/1/b", 1)]


def test_an_expression_keeps_its_path_and_what_it_reads() -> None:
    text = "use: {secrets: [token]}\ndo: [{a: {set: {x: '${ $secrets.token }', y: '${ .a.b[0] }'}}}]"
    body = program(text).block.tasks[0].body
    assert isinstance(body, p.Set)
    x, y = (member for _, member in body.value.members)  # type: ignore[union-attr]
    assert isinstance(x, Expression)
    assert isinstance(y, Expression)
    assert x.secrets == {"token"}
    assert y.path == ("", ("a", "b", 0))
