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

/// What a scene says to be planted as.
fn planted_as(scene: &str) -> Option<&str> {
    scene.lines().find_map(|line| line.strip_prefix("# Planted as ")?.strip_suffix('.'))
}

/// What is wrong with what is kept of the bugs of the core: each has one scene that shows it, or says why it has
/// none. `mutants` are names and texts, `scenes` the texts.
fn unshown(mutants: &[(String, String)], scenes: &[String]) -> Vec<String> {
    let named: Vec<&str> = scenes.iter().filter_map(|scene| planted_as(scene)).collect();
    let mut wrong = Vec::new();
    for (name, mutant) in mutants {
        let count = named.iter().filter(|other| *other == name).count();
        let is_excused = mutant.lines().any(|line| line.starts_with("no_scene = \"") && line.len() > 30);
        match (count, is_excused) {
            (0, false) => wrong.push(format!("{name} has neither a scene nor a reason (no_scene)")),
            (0, true) | (1, false) => {}
            _ => wrong.push(format!("{name} has {count} scenes; has a reason for none: {is_excused}")),
        }
    }
    let is_known = |name: &str| mutants.iter().any(|(known, _)| known == name);
    wrong.extend(named.iter().filter(|name| !is_known(name)).map(|name| format!("{name} is not there")));
    wrong
}

#[test]
fn each_planted_bug_of_the_core_has_a_scene_or_a_reason() {
    let read = |directory: &str| {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap();
        let files = entries.map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        });
        files.collect::<Vec<_>>()
    };
    let (mutants, scenes) = (read("tests/mutants"), read("tests/simulation/scenes"));
    let scenes: Vec<String> = scenes.into_iter().map(|(_, text)| text).collect();
    assert!(scenes.len() > 10, "the scenes are not where this test looks");
    let wrong = unshown(&mutants, &scenes);
    assert!(wrong.is_empty(), "`scripts/mutants --scenes` looks for scenes:\n{}", wrong.join("\n"));
}

#[test]
fn a_bug_that_nothing_shows_is_noticed() {
    let mutant = |name: &str, rest: &str| (name.to_owned(), format!("why = \"x\"\n{rest}"));
    let excuse = "no_scene = \"The model finds it, the simulation does not.\"\n";
    let scene = |name: &str| format!("# It was so.\n# Planted as {name}.\nconfig {{}}\n");
    assert!(unshown(&[mutant("a", ""), mutant("b", excuse)], &[scene("a")]).is_empty());
    assert!(unshown(&[mutant("a", "")], &[])[0].contains("neither"));
    assert!(unshown(&[mutant("a", "no_scene = \"\"\n")], &[])[0].contains("neither"));
    assert!(unshown(&[mutant("a", excuse)], &[scene("a")])[0].contains("1 scenes"));
    assert!(unshown(&[mutant("a", "")], &[scene("a"), scene("a")])[0].contains("2 scenes"));
    assert!(unshown(&[mutant("a", "")], &[scene("a"), scene("c")])[0].contains("c is not there"));
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
