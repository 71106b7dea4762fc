//! YAML itself: what it takes for a document, and how its mistakes are shown.

use std::time::Duration;

use insta::assert_snapshot;

use super::{CpuTime, accepted, complaint};

#[test]
fn an_empty_file_is_answered_with_an_example() {
    assert_snapshot!(complaint(""), @"
    error: config.yaml: the configuration is empty
     |
     = help: write
               programs:
                 hello:
                   cmd: echo hello
    ");
    assert_eq!(complaint("# nothing\n\n"), complaint(""));
    assert_snapshot!(complaint("---\n"), @"
    error: config.yaml: the configuration is empty
     |
     = help: write
               programs:
                 hello:
                   cmd: echo hello
    ");
}

#[test]
fn a_root_that_is_no_map_is_answered_with_an_example() {
    assert_snapshot!(complaint("- web\n- db\n"), @"
    error: the configuration cannot be a list; it takes a map (`key: value`)
     --> config.yaml:1:1
      |
    1 | - web
      | ^
      |
      = help: write
                programs:
                  hello:
                    cmd: echo hello
    ");
    assert_snapshot!(complaint("just words\n"), @"
    error: the configuration cannot be a single value; it takes a map (`key: value`)
     --> config.yaml:1:1
      |
    1 | just words
      | ^^^^
      |
      = help: write
                programs:
                  hello:
                    cmd: echo hello
    ");
    assert_snapshot!(complaint("web:\n  cmd: ./run\n"), @"
    error: `programs` is missing
     --> config.yaml:1:1
      |
    1 | web:
      | ^^^
      |
      = help: write
                programs:
                  hello:
                    cmd: echo hello

    error: unknown key `web`
     --> config.yaml:1:1
      |
    1 | web:
      | ^^^
      |
      = help: if `web` is a program, it belongs below `programs:`
    ");
    assert_snapshot!(complaint("taskmaster: {http: off}\n"), @"
    error: `programs` is missing
     --> config.yaml:1:1
      |
    1 | taskmaster: {http: off}
      | ^^^^^^^^^^
      |
      = help: write
                programs:
                  hello:
                    cmd: echo hello
    ");
}

#[test]
fn one_document_may_be_marked_and_two_are_refused() {
    assert_eq!(accepted("---\nprograms: {}\n").programs, []);
    assert_eq!(accepted("%YAML 1.2\n---\nprograms: {}\n...\n").programs, []);
    assert_snapshot!(complaint("programs: {}\n---\nprograms: {}\n"), @"
    error: a second document starts here
     --> config.yaml:3:1
      |
    3 | programs: {}
      | ^^^^^^^^
      |
      = help: `---` may only stand in the first line; there is one document in a file
    ");
    assert_snapshot!(complaint("programs: {}\n---\n"), @"
    error: a second document starts here
     --> config.yaml:2:4
      |
    2 | ---
      |    ^
      |
      = help: `---` may only stand in the first line; there is one document in a file
    ");
}

#[test]
fn syntax_errors_have_a_place() {
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: run\n   umask: 022\n"), @"
    error: did not find expected key, while parsing a block mapping at line 2 column 3
     --> config.yaml:4:4
      |
    4 |    umask: 022
      |    ^^^^^
      |
      = help: keys of one map line up; a text in quotes ends with its quote
    ");
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: \"run\n"), @r#"
    error: found unexpected end of stream, while scanning a quoted scalar at line 3 column 10
     --> config.yaml:3:14
      |
    3 |     cmd: "run
      |              ^
      |
      = help: a quote is not closed
    "#);
    assert_snapshot!(complaint("programs:\n  web:\n\tcmd: run\n"), @"
    error: found character that cannot start any token, while scanning for the next token
     --> config.yaml:3:1
      |
    3 |  cmd: run
      | ^^^^
      |
      = help: YAML is indented with blanks, never with tabs
    ");
    assert_snapshot!(complaint("programs:\n  web: {cmd: run\n"), @"
    error: did not find expected ',' or '}', while parsing a flow mapping at line 2 column 8
     --> config.yaml:2:17
      |
    2 |   web: {cmd: run
      |                 ^
      |
      = help: a bracket is not closed, or a text with braces, brackets or commas has no quotes
    ");
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: run: now\n"), @"
    error: mapping values are not allowed in this context
     --> config.yaml:3:13
      |
    3 |     cmd: run: now
      |             ^
      |
      = help: a text with `: ` in it needs quotes; a key must line up with those around it
    ");
}

#[test]
fn texts_that_need_quotes_are_told_so() {
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: \"C:\\dir\"\n"), @r#"
    error: found unknown escape character, while parsing a quoted scalar at line 3 column 10
     --> config.yaml:3:13
      |
    3 |     cmd: "C:\dir"
      |             ^^^^^
      |
      = help: a backslash between double quotes is an escape; single quotes keep it as it is
    "#);
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: *nowhere\n"), @"
    error: unknown anchor
     --> config.yaml:3:10
      |
    3 |     cmd: *nowhere
      |          ^^^^^^^^
      |
      = help: a text that begins with * needs quotes; &name gives a value the name that *name stands for
    ");
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: @run\n"), @"
    error: found character that cannot start any token, while scanning for the next token
     --> config.yaml:3:10
      |
    3 |     cmd: @run
      |          ^^^^
      |
      = help: a text that begins with this character needs quotes
    ");
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: [run, 'a]\n"), @"
    error: found unexpected end of stream, while scanning a quoted scalar at line 3 column 16
     --> config.yaml:3:19
      |
    3 |     cmd: [run, 'a]
      |                   ^
      |
      = help: a quote is not closed
    ");
}

#[test]
fn tags_are_refused() {
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: !shell run\n"), @"
    error: programs.web.cmd: tags (`!name`) have no meaning here
     --> config.yaml:3:10
      |
    3 |     cmd: !shell run
      |          ^^^^^^
    ");
    assert_snapshot!(complaint("%YAML 1.2\n%TAG !e! tag:example.org,2000:\n---\nprograms: {}\n"), @"
    error: tags have no meaning here, so there is nothing to declare
     --> config.yaml:2:1
      |
    2 | %TAG !e! tag:example.org,2000:
      | ^^^^
    ");
    assert_snapshot!(complaint("programs:\n  web: !foo {cmd: run}\n"), @"
    error: programs.web: tags (`!name`) have no meaning here
     --> config.yaml:2:8
      |
    2 |   web: !foo {cmd: run}
      |        ^^^^
    ");
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: run\n    env: !!map {A: 1}\n    umask: !!int 7\n    numprocs: !!int x\n"), @r#"
    error: programs.web.numprocs: invalid value: string "x", expected an integer
     --> config.yaml:6:15
      |
    6 |     numprocs: !!int x
      |               ^^^^^
    "#);
}

#[test]
fn keys_that_are_no_texts_are_named_or_refused() {
    let complaint_of_odd_keys =
        complaint("programs:\n  web:\n    cmd: run\n    1: x\n    true: y\n    ~: z\n    \"\": w\n");
    for (line, key) in [(4, "1"), (5, "true"), (6, "~"), (7, "")] {
        let told = format!("error: unknown key `{key}`\n --> config.yaml:{line}:5\n");
        assert!(complaint_of_odd_keys.contains(&told), "{complaint_of_odd_keys}");
    }
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: run\n    [a]: b\n"), @"
    error: programs.web: invalid type: sequence, expected a text for a key
     --> config.yaml:4:5
      |
    4 |     [a]: b
      |     ^^
    ");
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: run\n    ? {a: b}\n    : c\n"), @"
    error: programs.web: invalid type: map, expected a text for a key
     --> config.yaml:4:7
      |
    4 |     ? {a: b}
      |       ^^
    ");
}

#[test]
fn a_byte_order_mark_and_windows_lines_change_nothing() {
    let text = "programs:\n  web:\n    cmd: run\n    env: {A: b}\n";
    assert_eq!(accepted(&format!("\u{feff}{text}")), accepted(text));
    assert_eq!(accepted(&text.replace('\n', "\r\n")), accepted(text));
    let wrong = "progams: {}\nprograms:\n  web:\n    cmd: run\n    umask: 99\n";
    assert_eq!(complaint(&format!("\u{feff}{}", wrong.replace('\n', "\r\n"))), complaint(wrong));
    assert_snapshot!(complaint(wrong), @r#"
    error: unknown key `progams`
     --> config.yaml:1:1
      |
    1 | progams: {}
      | ^^^^^^^
      |
      = help: did you mean `programs`?

    error: `umask: 99` is not an octal number
     --> config.yaml:5:12
      |
    5 |     umask: 99
      |            ^^
      |
      = help: it takes an octal number such as "022"
    "#);
}

#[test]
fn characters_that_a_terminal_would_obey_are_shown_harmlessly() {
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: \u{1b}[31mred\n"), @r#"
    error: the control character U+001B cannot be in the file
     --> config.yaml:3:10
      |
    3 |     cmd: �[31mred
      |          ^^^^^^^^
      |
      = help: if it is meant, write \u001B between double quotes
    "#);
    assert_snapshot!(complaint("programs:\n  \"we\\e[31mb\": {cmd: run, umask: \"\\a\\u202e\"}\n"), @r#"
    error: `we�[31mb` cannot be the name of a program
     --> config.yaml:2:3
      |
    2 |   "we\e[31mb": {cmd: run, umask: "\a\u202e"}
      |   ^^^^^^^^^^^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`

    error: `umask: ��` is not an octal number
     --> config.yaml:2:34
      |
    2 |   "we\e[31mb": {cmd: run, umask: "\a\u202e"}
      |                                  ^^^^^^^^^^
      |
      = help: it takes an octal number such as "022"
    "#);
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: run\r    umask: 99\n"), @r#"
    error: `umask: 99` is not an octal number
     --> config.yaml:3:25
      |
    3 |     cmd: run�    umask: 99
      |                         ^^
      |
      = help: it takes an octal number such as "022"
    "#);
    assert_snapshot!(complaint("programs:\n  web:\n    cmd: \u{85}\u{202e}run\n    umask: 99 #\u{202e}\n"), @"
    error: could not find expected ':', while scanning a simple key at line 4 column 1
     --> config.yaml:4:10
      |
    4 |     umask: 99 #�
      |          ^
    ");
}

#[test]
fn the_words_after_wide_characters_and_tabs_are_underlined() {
    assert_snapshot!(complaint("programs:\n  web: {cmd: 日本語,\tumask: 99}\n"), @r#"
    error: `umask: 99` is not an octal number
     --> config.yaml:2:26
      |
    2 |   web: {cmd: 日本語, umask: 99}
      |                             ^^
      |
      = help: it takes an octal number such as "022"
    "#);
}

#[test]
fn long_lines_and_long_values_are_cut() {
    let long = "x".repeat(5000);
    assert_snapshot!(complaint(&format!("programs:\n  web: {{cmd: run, umask: {long}}}\n")), @r#"
    error: `umask: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is not an octal number
     --> config.yaml:2:26
      |
    2 | ...k: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: it takes an octal number such as "022"
    "#);
    assert_snapshot!(complaint(&format!("programs:\n  web: {{cmd: {long}, umask: 99, stdout: {long}}}\n")), @r#"
    error: `umask: 99` is not an octal number
     --> config.yaml:2:5023
      |
    2 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, umask: 99, stdout: xxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |                                                                    ^^
      |
      = help: it takes an octal number such as "022"
    "#);
    assert_snapshot!(complaint(&format!("programs:\n  web: {{cmd: run, umask: 99, stdout: {long}}}\n")), @r#"
    error: `umask: 99` is not an octal number
     --> config.yaml:2:26
      |
    2 |   web: {cmd: run, umask: 99, stdout: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |                          ^^
      |
      = help: it takes an octal number such as "022"
    "#);
    assert_snapshot!(complaint(&format!("programs:\n  web: {{cmd: run, {long}: 1}}\n")), @"
    error: did not find expected ',' or '}', while parsing a flow mapping at line 2 column 8
     --> config.yaml:2:5019
      |
    2 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 1}
      |                                                                    ^
      |
      = help: a bracket is not closed, or a text with braces, brackets or commas has no quotes
    ");
}

#[test]
fn nothing_takes_long_however_much_is_wrong() {
    let started = CpuTime::start();
    let lines: String = (0..5_000).map(|at| format!("  a{at}:\n  b:\n")).collect();
    assert!(complaint(&format!("programs:\n{lines}")).ends_with("... and 9980 more problems\n"));
    assert!(started.spent() < Duration::from_secs(8), "{:?}", started.spent());
}

#[test]
fn deep_nesting_is_refused_in_no_time() {
    let started = CpuTime::start();
    assert_snapshot!(complaint(&format!("programs: {}\n", "[".repeat(20_000))), @"
    error: more than 5000 brackets are open
     --> config.yaml:1:5011
      |
    1 | ...[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...
      |                                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(complaint(&format!("programs: {}{}\n", "[".repeat(200), "]".repeat(200))), @"
    error: recursion limit exceeded
     --> config.yaml:1:138
      |
    1 | ...[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...
      |                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: maps and lists can be nested 128 deep
    ");
    assert!(started.spent() < Duration::from_secs(2), "{:?}", started.spent());
}
