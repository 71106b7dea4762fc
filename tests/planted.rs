//! The bugs that `scripts/mutants`, `scripts/chaos-mutants` and `scripts/pipe-mutants` plant fit the sources as
//! they are now: what each replaces stands there exactly once. The scripts take minutes; this notices in a second
//! that the sources have moved on.

use std::fs;
use std::path::Path;

/// What stands between `KEY = '''` and the next `'''`, as `scripts/mutants` reads it.
fn block<'a>(mutant: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = mutant.split_once(&format!("\n{key} = '''\n"))?;
    // It ends before a line of its own, which may be the first: a replacement by nothing.
    let end = if rest.starts_with("'''") { 0 } else { rest.find("\n'''")? };
    Some(&rest[..end])
}

/// What is wrong with a mutant, if anything is.
fn trouble(mutant: &str, source_of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let file = mutant.lines().find_map(|line| line.strip_prefix("file = \"")?.strip_suffix('"'));
    let Some(file) = file else { return Some("names no file".to_owned()) };
    let Some(source) = source_of(file) else { return Some(format!("{file} cannot be read")) };
    let (Some(find), Some(replace)) = (block(mutant, "find"), block(mutant, "replace")) else {
        return Some("has no find or no replace".to_owned());
    };
    match source.matches(find).count() {
        1 if find != replace => None,
        1 => Some("changes nothing".to_owned()),
        count => Some(format!("what it replaces stands {count} times in {file}")),
    }
}

#[test]
fn each_planted_bug_fits_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut wrong = Vec::new();
    let directories = ["tests/mutants", "tests/chaos/mutants", "tests/pipes/mutants"];
    let directories = directories.map(|it| fs::read_dir(root.join(it)).unwrap());
    for entry in directories.into_iter().flatten() {
        let path = entry.unwrap().path();
        let mutant = fs::read_to_string(&path).unwrap();
        let found = trouble(&mutant, |file| fs::read_to_string(root.join(file)).ok());
        wrong.extend(found.map(|trouble| format!("{}: {trouble}", path.display())));
        seen += 1;
    }
    assert!(seen > 30, "the mutants are not where this test looks");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_bug_that_does_not_fit_is_noticed() {
    let mutant = |find: &str, replace: &str| {
        format!("why = \"x\"\nfile = \"a.rs\"\nfind = '''\n{find}\n'''\nreplace = '''\n{replace}\n'''\n")
    };
    let told = |mutant: String| trouble(&mutant, |_| Some("one two two".to_owned()));
    assert_eq!(told(mutant("one", "three")), None);
    assert!(told(mutant("two", "three")).unwrap().contains("stands 2 times"));
    assert!(told(mutant("four", "three")).unwrap().contains("stands 0 times"));
    assert!(told(mutant("one", "one")).unwrap().contains("changes nothing"));
    assert!(told("why = \"x\"\n".to_owned()).unwrap().contains("names no file"));
}
