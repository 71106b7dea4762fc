//! SECURITY.md promises refusals, and names the test of each: they exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The tests that the table rows of `text` name, each with its file: a name goes with the last file
/// before it in its row.
fn named_tests(text: &str) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let mut file = None;
        for quoted in row.split('`').skip(1).step_by(2) {
            if quoted.ends_with(".rs") {
                file = Some(quoted);
            } else if let Some(file) = file {
                named.push((file.to_owned(), quoted.to_owned()));
            }
        }
    }
    named
}

/// Rows that promise a refusal without a test.
fn rows_without_test(text: &str) -> Vec<&str> {
    let (mut rows, mut is_table_of_refusals) = (Vec::new(), false);
    for line in text.lines() {
        if line == "| refused | test |" {
            is_table_of_refusals = true;
        } else if !line.starts_with('|') {
            is_table_of_refusals = false;
        } else if is_table_of_refusals && line != "| --- | --- |" && named_tests(line).is_empty() {
            rows.push(line);
        }
    }
    rows
}

/// Whether `source` has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    source.contains(&format!("#[test]\nfn {name}()")) || source.contains(&format!("#[test]\n    fn {name}()"))
}

#[test]
fn every_refusal_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    assert_eq!(rows_without_test(&text), [""; 0]);
    let named = named_tests(&text);
    assert!(named.len() > 50, "the tests are not where this test looks");
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for (file, name) in named {
        let read = || fs::read_to_string(root.join(&file)).unwrap_or_else(|_| panic!("{file} is not there"));
        let source = sources.entry(file.clone()).or_insert_with(read);
        assert!(has_test(source, &name), "{file} has no test {name}");
    }
}

#[test]
fn a_refusal_without_a_test_is_noticed() {
    let table =
        "| refused | test |\n| --- | --- |\n| this | `a.rs` `one`, `two`, `b.rs` `three` |\n| that | |\n";
    assert_eq!(rows_without_test(table), ["| that | |"]);
    let named = named_tests(table);
    let pair = |file: &str, name: &str| (file.to_owned(), name.to_owned());
    assert_eq!(named, [pair("a.rs", "one"), pair("a.rs", "two"), pair("b.rs", "three")]);
    assert!(has_test("#[test]\nfn one() {\n", "one"));
    assert!(!has_test("fn one() {\n", "one") && !has_test("#[test]\nfn another_one() {", "one"));
}
