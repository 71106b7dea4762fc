//! The child of every bench: it pauses and dies on TERM. Anything livelier would be measured too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("pause.c");

/// The command line of a child that does nothing: a static C program built in `dir`, which starts
/// fastest and shares no page with the contenders, or else `sleep`. Says which.
pub fn prepare(dir: &Path) -> Vec<String> {
    let (source, program) = (dir.join("pause.c"), dir.join("pause"));
    fs::write(&source, SOURCE).expect("the temporary directory takes files");
    let command = match compile(&source, &program) {
        Ok(()) => vec![program.display().to_string()],
        Err(why) => {
            println!("no static C program as the child ({why}): using sleep, which starts slower");
            vec![sleep().display().to_string(), "1000000".to_owned()]
        }
    };
    println!("child: {}", command.join(" "));
    command
}

fn compile(source: &Path, program: &Path) -> Result<(), String> {
    let cc = Command::new("cc").args(["-static", "-nostdlib", "-O2", "-o"]).args([program, source]).output();
    match cc {
        Err(error) => Err(format!("cc: {error}")),
        Ok(output) if !output.status.success() => Err(format!("cc: {}", output.status)),
        Ok(_) => Ok(()),
    }
}

fn sleep() -> PathBuf {
    let places = ["/bin/sleep", "/usr/bin/sleep"].map(PathBuf::from);
    places.into_iter().find(|place| place.exists()).expect("this machine has a sleep program")
}
