"""What the compiler refuses, and where. A comment `#< 7 wrong-type` expects that code at column 7 of its line."""

# ruff: noqa: E501 - a mark must stand on the line it is about

from __future__ import annotations

import re

import pytest

from reach_workbench.engine.compile import compile_document, compile_function
from reach_workbench.engine.diagnostics import Diagnostic

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '0.1.0'}\n"
MARK = re.compile(r"#<\s*(.+)$")


def expected(text: str) -> list[tuple[int, int, str]]:
    found = []
    for line, written in enumerate(text.splitlines(), 1):
        mark = MARK.search(written)
        for each in mark[1].split(",") if mark else ():
            column, code = each.split()
            found.append((line, int(column), code))
    return sorted(found)


def diagnostics(text: str) -> tuple[Diagnostic, ...]:
    return compile_document(text, "case.yaml").diagnostics


STRUCTURE = {
    "the parts of a workflow": """
    dodo: 1 #< 1 unknown-property
    document: #< 1 missing-property
      dsl: '1.0.3'
      namespace: tests
      name: case
    output: {as: 1} #< 14 wrong-type
    use: {funktions: {}, secrets: [1]} #< 7 unknown-property, 32 wrong-type
    do: {a: {set: {x: 1}}} #< 5 wrong-type
    """,
    "versions and names": """
    document:
      dsl: '2.0.0' #< 8 dsl-version
      namespace: under_score #< 14 bad-name
      name: -hyphen #< 9 bad-name
      version: 1.0 #< 12 wrong-type
    do: []
    """,
    "a version before the first": """
    document: {dsl: '0.9.0', namespace: a, name: b, version: '1'} #< 17 dsl-version, 58 bad-version
    do: []
    """,
    "lists of tasks": """
    HEAD
    do:
    - one: {set: {x: 1}}
      two: {set: {x: 1}} #< 3 several-in-item
    - three:
      call: http #< 3 several-in-item
    - just text #< 3 wrong-type
    - {} #< 3 too-few
    - four: #< 3 wrong-type
    - five: [] #< 9 wrong-type
    """,
    "the kind of a task": """
    HEAD
    do:
    - none: {} #< 3 no-task-kind
    - spelt: {sett: {x: 1}} #< 11 no-task-kind
    - both: {set: {x: 1}, wait: PT1S} #< 23 several-task-kinds
    - loop: {for: {in: .x}} #< 3 missing-property
    - caught: {try: []} #< 3 missing-property
    - orphan: {catch: {}} #< 12 no-task-kind
    - more: {set: {x: 1}, foo: bar, while: .x} #< 23 unknown-property, 33 unknown-property
    """,
    "what tasks have in common": """
    HEAD
    do:
    - a:
        if: true #< 9 wrong-type
        input: {from: [1], form: .x} #< 19 wrong-type, 24 unknown-property
        output: .x #< 13 wrong-type
        export: {at: .} #< 14 unknown-property
        timeout: {before: PT1S} #< 5 missing-property, 15 unknown-property
        then: [end] #< 11 wrong-type
        metadata: {idempotent: 'yes', anything: 1} #< 28 wrong-type
        set: {x: 1}
    """,
    "calls of the DSL": """
    HEAD
    do:
    - a: {call: http} #< 3 missing-property
    - b: {call: http, with: {method: get, url: 'http://x'}} #< 19 missing-property, 39 unknown-property
    - c: {call: http, with: {method: get, endpoint: 'http://x y', redirect: 'no', output: json}} #< 49 bad-uri, 73 wrong-type, 87 wrong-value
    - d: {call: http, with: {method: get, endpoint: {url: x}, headers: {a: 1}, query: text}} #< 39 missing-property, 50 unknown-property, 72 wrong-type, 83 wrong-value
    - e: {call: openapi, with: {document: {endpoint: x}, operation: y}} #< 22 missing-property, 54 unknown-property
    - f: {call: grpc, with: {proto: {endpoint: x}, method: M, service: {name: N, host: '-', port: 70000}}} #< 84 bad-name, 95 wrong-value
    - g: {call: a2a, with: {method: message/sent}} #< 18 missing-property, 33 wrong-value
    - h: {call: mcp, with: {method: tools/list, transport: {http: {endpoint: x}, stdio: {command: y}}}} #< 78 exclusive-properties
    - i: {call: asyncapi, with: {document: {endpoint: x}, operation: o, channel: c, message: {}}} #< 69 exclusive-properties
    - j: {call: asyncapi, with: {document: {endpoint: x}, operation: o, subscription: {consume: {amount: 0}}}} #< 102 wrong-value
    """,
    "authentication": """
    HEAD
    use:
      authentications:
        a: {basic: {username: x}} #< 9 missing-property
        b: {basic: {username: x, password: y}, bearer: {token: z}} #< 44 exclusive-properties
        c: {use: a} #< 5 missing-property, 9 unknown-property
        d: {oauth2: {authority: http://x, grant: client-credentials}} #< 46 wrong-value
        e: {oauth2: {use: s, scopes: [a]}} #< 23 unknown-secret, 26 exclusive-properties
        f: {oidc: {authority: http://x, grant: password, client: {authentication: private_key_jwt}}} #< 63 missing-property
        g: {bearer: '${ .token }'} #< 17 wrong-type
        h: {digest: {}} #< 9 missing-property
    do: []
    """,
    "control of the flow": """
    HEAD
    do:
    - a: {for: {each: 1, in: 5}, do: []} #< 19 wrong-type, 26 wrong-type
    - b: {for: {each: $x, at: 'a b', in: .}, do: []} #< 19 bad-name, 27 bad-name
    - c: {fork: {}} #< 7 missing-property
    - d: {fork: {branches: []}} #< 24 no-branches
    - e: {switch: []} #< 15 too-few
    - f: {switch: [{g: {when: .x}}]} #< 17 missing-property
    - h: {if: .x, raise: {error: {title: x}}} #< 23 missing-property, 23 missing-property
    - i: {if: .x, raise: {error: {type: x, status: 'many', instance: do/0}}} #< 48 wrong-type, 66 wrong-value
    - j: {set: {}} #< 12 too-few
    """,
    "durations": """
    HEAD
    do:
    - a: {wait: PT} #< 13 bad-duration
    - b: {wait: 10 seconds} #< 13 bad-duration
    - c: {wait: {second: 1}} #< 7 missing-property, 14 unknown-property
    - d: {wait: {}} #< 7 missing-property
    - e: {wait: 5} #< 13 wrong-type
    - f: {wait: {seconds: -1}} #< 23 wrong-value
    - g: {wait: {seconds: 1.5}} #< 23 wrong-type
    - h: {wait: {seconds: '${ .s }'}} #< 23 wrong-type
    - i: {wait: P20000Y} #< 13 bad-duration
    - j: {set: {x: 1}, timeout: {after: P}} #< 37 bad-duration
    """,
    "processes": """
    HEAD
    do:
    - a: {run: {}} #< 7 missing-property
    - b: {run: {shell: {command: ls}, script: {language: js, code: '1'}}} #< 35 exclusive-properties
    - c: {run: {script: {language: js}}} #< 13 missing-property
    - d: {run: {script: {language: js, code: '1', source: {endpoint: x}}}} #< 47 exclusive-properties
    - e: {run: {shell: {command: ls, arguments: {a: 1}}, return: output}} #< 45 wrong-type, 62 wrong-value
    - f: {run: {container: {image: i, pullPolicy: sometimes, lifetime: {cleanup: eventually}}}} #< 47 wrong-value, 69 missing-property
    - g: {run: {container: {image: i, lifetime: {cleanup: always, after: PT1S}}}} #< 63 exclusive-properties
    - h: {run: {workflow: {namespace: a, name: b}}} #< 13 missing-property
    """,
    "events": """
    HEAD
    do:
    - a: {emit: {event: {with: {source: 'a b', time: noon}}}} #< 22 missing-property, 37 bad-uri, 50 wrong-value
    - b: {emit: {}} #< 7 missing-property
    - c: {listen: {}} #< 7 missing-property
    - d: {listen: {to: {}}} #< 16 missing-property
    - e: {listen: {to: {one: {with: {type: x}}, any: []}, read: everything}} #< 45 exclusive-properties, 61 wrong-value
    - f: {listen: {to: {one: {with: {}}}}} #< 27 too-few
    - g: {listen: {to: {all: [{correlate: {}}]}}} #< 27 missing-property
    - h: {listen: {to: {any: [], until: {any: [], until: .x}}}} #< 47 unknown-property
    - i: {listen: {to: {any: []}}, foreach: {items: x}} #< 42 unknown-property
    """,
    "catching": """
    HEAD
    do:
    - a:
        try: []
        catch:
          errors: {with: {}} #< 16 missing-property
          as: 1 #< 11 wrong-type
          retry:
            backoff: {linear: {}, constant: {}} #< 31 exclusive-properties
            limit: {attempt: {count: x}, attempts: 3} #< 34 wrong-type, 38 unknown-property
            jitter: {from: PT1S} #< 9 missing-property
            delay: soon #< 16 bad-duration
            when: '' #< 15 wrong-value
    """,
    "schedules": """
    HEAD
    schedule: {read: data} #< 1 missing-property, 12 read-without-on
    do: []
    """,
    "a schedule's parts": """
    HEAD
    schedule: {every: 1, cron: '0 25 * * *', after: P, on: {one: {}}} #< 19 wrong-type, 28 bad-cron, 49 bad-duration, 57 missing-property
    do: []
    """,
    "schemas": """
    HEAD
    input: {schema: {}} #< 9 missing-property
    output: {schema: {format: avro, document: {}, resource: {endpoint: x}}} #< 27 schema-format, 47 exclusive-properties
    do:
    - a: {set: {x: 1}, input: {schema: {document: {properties: {b: {type: text}}}}}} #< 71 bad-schema
    - b: {set: {x: 1}, input: {schema: {document: {$ref: 'https://example.com/s.json'}}}} #< 47 bad-schema
    - c: {set: {x: 1}, input: {schema: {document: {$ref: '#/nowhere'}}}} #< 47 bad-schema
    - d: {set: {x: 1}, input: {schema: {document: {$schema: 'https://example.com/s.json'}}}} #< 47 bad-schema
    """,
    "evaluation": """
    HEAD
    evaluate: {language: python, mode: lazy} #< 22 unsupported-language, 36 wrong-value
    do: []
    """,
}

MEANING = {
    "flow directives lead nowhere": """
    HEAD
    do:
    - a: {set: {x: 1}, then: inner} #< 26 unknown-task
    - b:
        do:
        - inner: {set: {x: 1}, then: a} #< 34 unknown-task
    - c:
        switch:
        - x: {when: .x, then: d}
        - y: {then: nowhere} #< 17 unknown-task
    - d:
        try: []
        catch: {then: gone} #< 19 unknown-task
    - e:
        fork:
          branches:
          - f: {set: {x: 1}, then: g} #< 32 unknown-task
          - g: {set: {x: 1}, then: end}
    """,
    "names given twice": """
    HEAD
    do:
    - a: {set: {x: 1}}
    - a: {set: {x: 1}} #< 3 duplicate-task
    - b: {do: [{a: {set: {x: 1}}}]}
    - c: {fork: {branches: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]}} #< 46 duplicate-task
    - d: {switch: [{e: {when: .x, then: end}}, {e: {when: .y, then: end}}]} #< 45 duplicate-case
    - end: {set: {x: 1}} #< 3 reserved-name
    """,
    "names that can't be read": r"""
    HEAD
    do:
    - "a\n  gone": {set: {x: 1}} #< 3 unseen-character
    - "b\u202e": {set: {x: 1}} #< 3 unseen-character
    - "c\u200b": {do: [{"d\e[2J": {set: {x: 1}}}]} #< 3 unseen-character, 21 unseen-character
    - "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645": {set: {x: 1}}
    """,
    "unknown components": """
    HEAD
    use:
      functions: {greet: {set: {x: 1}}}
      timeouts: {short: {after: PT1S}}
      secrets: [token]
    timeout: shrot #< 10 unknown-timeout
    do:
    - a: {call: great} #< 13 unknown-function
    - b: {call: 'log:1.0.0@central'} #< 13 unknown-catalog
    - c: {raise: {error: missing}} #< 22 unknown-error
    - d: {try: [], catch: {retry: often}} #< 3 unreachable-task, 31 unknown-retry
    - e: {call: http, with: {method: get, endpoint: {uri: x, authentication: {use: nobody}}}} #< 80 unknown-authentication
    - f: {call: http, with: {method: get, endpoint: {uri: x, authentication: {basic: {use: nothing}}}}} #< 88 unknown-secret
    - g: {set: {x: '${ $secrets.token + $secrets.toke }'}} #< 37 unknown-secret
    - h: {set: {x: 1}, timeout: long} #< 29 unknown-timeout
    """,
    "functions that call themselves": """
    HEAD
    use:
      functions:
        a: {do: [{x: {call: b}}]}
        b: {call: c}
        c: {call: a} #< 15 recursive-function
        d: {call: d} #< 15 recursive-function
    do: []
    """,
    "expressions in places of every sort": """
    HEAD
    input: {from: '.a +'} #< 20 bad-expression
    output: {as: {x: '${ .a + }'}} #< 26 bad-expression
    timeout: {after: '${ ) }'} #< 22 bad-expression
    schedule: {on: {one: {with: {type: '${ ( }'}}}} #< 42 bad-expression
    use:
      retries: {r: {when: now}} #< 23 bad-expression
      errors: {e: {type: x, status: 1, title: '${ nope }'}} #< 47 bad-expression
      authentications: {b: {bearer: {token: '${ . . }'}}} #< 48 bad-expression
      catalogs: {c: {endpoint: '${ [ }'}} #< 34 bad-expression
      extensions:
      - x: {extend: all, when: '|'} #< 29 bad-expression
    do:
    - a: {if: '.a ==', set: {x: 1}} #< 17 bad-expression
    - b: {set: {x: {y: ['${ .a', 1]}}} #< 24 bad-expression
    - c: {for: {in: '[1'}, while: '}', do: []} #< 18 bad-expression, 32 bad-expression
    - d: {switch: [{x: {when: env.HOME, then: end}}]} #< 27 bad-expression
    - e: {wait: '${ input }'} #< 17 bad-expression
    - f: {run: {shell: {command: 'echo ${ .a. }'}}} #< 42 bad-expression
    - g: {call: grpc, with: {proto: {endpoint: x}, service: {name: a, host: b}, method: m, arguments: {x: '${ .[ }'}}} #< 110 bad-expression
    - h: {call: http, with: {method: get, endpoint: 'http://x/{a-b}'}} #< 59 bad-expression
    - i: {set: {x: 1}, export: {as: '$context +'}} #< 44 bad-expression
    """,
    "variables where they are not": """
    HEAD
    input: {from: $context} #< 15 unknown-variable
    output: {as: '$output + $input'} #< 15 unknown-variable, 25 unknown-variable
    do:
    - a:
        if: $input.x #< 9 unknown-variable
        input: {from: $output} #< 19 unknown-variable
        set: {x: '${ $output }', y: '${ $foo + (. as $foo | $foo) }'} #< 18 unknown-variable, 37 unknown-variable
        output: {as: $output} #< 18 unknown-variable
        export: {as: '$output + $item'} #< 29 unknown-variable
    """,
    "variables of loops, catches and iterators end with them": """
    HEAD
    use:
      functions:
        f: {set: {x: '${ $item }'}} #< 22 unknown-variable
    do:
    - a:
        for: {each: pet, at: place, in: '.pets | map($pet)'} #< 50 unknown-variable
        while: $pet != $place and $item #< 31 unknown-variable
        do:
        - b: {set: {x: '${ [$pet, $place, $index] }'}} #< 39 unknown-variable
        - c:
            for: {in: .x}
            do:
            - d: {set: {x: '${ [$pet, $place, $item, $index] }'}}
            - e: {call: f}
        output: {as: $pet} #< 18 unknown-variable
    - g:
        try:
        - h: {set: {x: '${ $oops }'}} #< 24 unknown-variable
        catch:
          as: oops
          when: $oops.status == $error.status #< 29 unknown-variable
          retry: {exceptWhen: $oops, delay: '${ $oops.after }'}
          do:
          - i: {set: {x: '${ $oops }'}}
        output: {as: $oops} #< 18 unknown-variable
    - j:
        listen: {to: {any: [{with: {data: '${ $event }'}}], until: '$event == 1'}} #< 43 unknown-variable, 65 unknown-variable
        foreach:
          item: event
          do:
          - k: {set: {x: '${ [$event, $index] }'}}
          output: {as: '$event + $item'} #< 30 unknown-variable
          export: {as: '$output + $event'}
    """,
    "names that variables can't have": """
    HEAD
    do:
    - a: {for: {each: input, in: .x}, do: []} #< 19 reserved-name
    - b: {for: {each: x, at: x, in: .x}, do: []} #< 26 reserved-name
    - c: {try: [], catch: {as: context}} #< 28 reserved-name
    """,
    "extensions know no variables of what they extend": """
    HEAD
    use:
      extensions:
      - x:
          extend: for
          when: $task.name == $item #< 27 unknown-variable
          before: [{a: {set: {x: '${ $item }'}}}] #< 34 unknown-variable
    do: []
    """,
    "switches with two defaults": """
    HEAD
    do:
    - a:
        switch:
        - x: {then: end}
        - y: {when: .y, then: end}
        - z: {then: exit} #< 7 two-defaults
    """,
    "a jitter that runs backwards": """
    HEAD
    use: {retries: {r: {jitter: {from: PT2S, to: PT1S}}}} #< 21 wrong-value
    do: []
    """,
}

WARNINGS = {
    "tasks that nothing leads to": """
    HEAD
    do:
    - a: {set: {x: 1}, then: d}
    - b: {set: {x: 1}} #< 3 unreachable-task
    - c: {set: {x: 1}}
    - d: {set: {x: 1}, if: .x, then: end}
    - e: {switch: [{f: {when: .x, then: g}}, {h: {then: i}}]}
    - j: {set: {x: 1}} #< 3 unreachable-task
    - g: {raise: {error: {type: x, status: 1}}}
    - i: {do: [{k: {set: {x: 1}, then: exit}}, {l: {set: {x: 1}}}]} #< 45 unreachable-task
    """,
    "results that nobody waits for": """
    HEAD
    do:
    - a: {run: {shell: {command: ls}, await: false, return: code}} #< 49 return-without-await
    - b: {run: {shell: {command: ls}, await: false, return: none}}
    """,
    "lists other runtimes refuse": """
    HEAD
    do:
    - a: {for: {in: [{x: 1}, 2, 3]}, do: []} #< 26 not-portable
    """,
    "functions that can't be called, filters that never match": """
    HEAD
    use: {functions: {http: {set: {x: 1}}}} #< 19 reserved-name
    do:
    - a: {try: [], catch: {errors: {with: {stauts: 400, status: 400}}}} #< 40 unknown-property
    """,
}


def table(cases: dict[str, str]) -> list[object]:
    import textwrap

    return [
        pytest.param(textwrap.dedent(text).lstrip().replace("HEAD\n", HEAD), id=name) for name, text in cases.items()
    ]


@pytest.mark.parametrize("text", table(STRUCTURE) + table(MEANING))
def test_an_error_stands_at_its_line_and_column(text: str) -> None:
    compilation = compile_document(text, "case.yaml")
    found = [(each.line, each.column, each.code) for each in compilation.diagnostics]
    assert sorted(found) == expected(text), "\n".join(map(str, compilation.diagnostics))
    assert compilation.program is None
    assert all(each.message and each.file == "case.yaml" for each in compilation.diagnostics)


@pytest.mark.parametrize("text", table(WARNINGS))
def test_a_warning_refuses_nothing(text: str) -> None:
    compilation = compile_document(text, "case.yaml")
    found = [(each.line, each.column, each.code) for each in compilation.diagnostics]
    assert found == expected(text), "\n".join(map(str, compilation.diagnostics))
    assert {each.severity for each in compilation.diagnostics} == {"warning"}
    assert compilation.program is not None


@pytest.mark.parametrize(
    "version", ["1.0.0", "1.0.0-alpha1", "1.0.0-alpha5.2", "1.0.1", "1.0.2", "1.0.3", "1.0.3-rc.1"]
)
def test_versions_of_the_dsl_that_are_taken(version: str) -> None:
    assert diagnostics(HEAD.replace("1.0.3", version) + "do: []") == ()


@pytest.mark.parametrize("version", ["1.0.4", "1.1.0", "2.0.0", "0.8", "1", "", "v1.0.3", "1.0.3 "])
def test_versions_of_the_dsl_that_are_refused(version: str) -> None:
    found = diagnostics(HEAD.replace("1.0.3", version) + "do: []")
    assert [(each.column, each.code) for each in found] == [(17, "dsl-version")]


@pytest.mark.parametrize(
    ("cron", "good"),
    [
        ("0 0 * * *", True),
        ("*/5 0-23/2 1,15 JAN-MAR mon-fri", True),
        ("59 23 31 12 7", True),
        ("0 0 * *", False),
        ("0 0 0 * * *", False),
        ("60 0 * * *", False),
        ("0 0 0 * *", False),
        ("0 0 * 13 *", False),
        ("0 0 * * 8", False),
        ("5-1 0 * * *", False),
        ("*/0 * * * *", False),
        ("a * * * *", False),
        ("1,,2 * * * *", False),
        ("@daily", False),
    ],
)
def test_cron_expressions(cron: str, good: bool) -> None:
    found = diagnostics(HEAD + f"schedule: {{cron: '{cron}'}}\ndo: []")
    assert [each.code for each in found] == ([] if good else ["bad-cron"])


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("do:\n- a: {set: {x: 1}, tehn: end}", "did you mean 'then'?"),
        ("do:\n- getPet: {set: {x: 1}, then: getPte}", "did you mean 'getPet'?"),
        ("do:\n- a: {call: htpp}", "did you mean 'http'?"),
        ("do:\n- a: {for: {each: pet, in: .}, do: [{b: {set: {x: '${ $pat }'}}}]}", "did you mean '$pet'?"),
        ("do:\n- a: {set: {x: 1}, then: b}\n- c: {set: {x: 1}}", "known here: a, c, continue, end, exit"),
        ("do:\n- a:\n  set: {x: 1}", "indent 'set' more, so that it stands below 'a'"),
        ("do:\n- a: {set: {x: '${ $output }'}}", "$output is for export.as; output.as sees the task's raw output as ."),
        ("do:\n- a: {set: {x: '${ now }'}}", "$workflow.startedAt"),
    ],
)
def test_hints_help(text: str, hint: str) -> None:
    assert any(hint in each.hint for each in diagnostics(HEAD + text))


def test_a_finding_in_a_block_of_text_stands_at_its_own_line() -> None:
    text = HEAD + "do:\n- a:\n    set: |\n      ${ .a\n         + $nope }\n"
    assert [(each.line, each.column, each.code) for each in diagnostics(text)] == [(6, 12, "unknown-variable")]


def test_a_finding_carries_the_pointer_of_its_node() -> None:
    found = diagnostics(HEAD + "do:\n- a/b: {set: {x: ['${ . . }']}, foo: 1}")
    assert [(each.code, each.pointer) for each in found] == [
        ("bad-expression", "/do/0/a~1b/set/x/0"),
        ("unknown-property", "/do/0/a~1b/foo"),
    ]


def test_what_an_alias_repeats_is_reported_once() -> None:
    text = HEAD + "do:\n- a: &x {set: {x: 1}, foo: 1}\n" + "".join(f"- b{each}: *x\n" for each in range(20))
    assert [(each.line, each.column) for each in diagnostics(text)] == [(3, 23)]


def test_a_flood_of_findings_is_cut_off_and_counted() -> None:
    text = HEAD + "do:\n" + "".join(f"- a{each}: {{foo: 1}}\n" for each in range(500))
    found = diagnostics(text)
    assert len(found) == 101
    assert found[-1].code == "more-findings"
    assert "400" in found[-1].message


def test_no_flood_of_warnings_hides_an_error() -> None:
    warned = "".join(
        f"- a{each}: {{try: [], catch: {{errors: {{with: {{status: 1, x: 1}}}}}}}}\n" for each in range(300)
    )
    found = diagnostics(HEAD + "do:\n" + warned + "- b: {set: {x: 1}, foo: 1}\n")
    assert [(each.line, each.code) for each in found if each.severity == "error"] == [(303, "unknown-property")]
    assert len(found) == 102


@pytest.mark.parametrize("text", ["[]", "hello", "42", "do: []", "{}", "document: {}\ndo: []"])
def test_what_is_no_workflow_is_refused(text: str) -> None:
    compilation = compile_document(text, "case.yaml")
    assert compilation.program is None
    assert compilation.diagnostics


def test_functions_that_chain_too_deep_are_refused() -> None:
    chain = "".join(f"    f{each}: {{call: f{each + 1}}}\n" for each in range(2000))
    text = HEAD + "do: [{a: {call: f0}}]\nuse:\n  functions:\n" + chain + "    f2000: {set: {x: 1}}\n"
    assert [each.code for each in diagnostics(text)] == ["limit"]


def test_functions_that_fan_out_cost_no_more_than_they_are() -> None:
    fan = "".join(
        f"    f{each}: {{do: [{{a: {{call: f{each + 1}}}}}, {{b: {{call: f{each + 1}}}}}]}}\n" for each in range(40)
    )
    text = HEAD + "do: [{a: {call: f0}}]\nuse:\n  functions:\n" + fan + "    f40: {set: {x: 1}}\n"
    compilation = compile_document(text, "case.yaml")
    assert compilation.program is not None
    assert len(compilation.program.tasks) == 1 + 40 * 3 + 1


def test_a_fetched_function_is_refused_with_places_in_its_own_text() -> None:
    compilation = compile_function("set:\n  x: ${ $item }\nthen: next\n", "f", "/do/0/f")
    assert compilation.task is None
    assert [(each.line, each.column, each.code) for each in compilation.diagnostics] == [
        (2, 9, "unknown-variable"),
        (3, 7, "unknown-task"),
    ]
