//! Short histories with a name: what the random ones have found, and what they are to see for sure.

use std::fs;
use std::time::Duration;

use nix::libc;

use super::disk::Fault;
use super::ears::Ears;
use super::logs::Log;
use super::world::{Kind, WAIT, World};
use crate::config::{LogFull, Rotation};
use crate::supervisor::Probe;

/// A world with one log in a directory that lives as long.
struct Scene {
    world: World,
    _directory: tempfile::TempDir,
}

impl Scene {
    fn new(rotation: Rotation, full: LogFull) -> Scene {
        let directory = super::memory();
        let world = World::new(directory.path().to_owned(), vec![Log::new("a.log", rotation, full)]);
        Scene { world, _directory: directory }
    }

    /// Somebody has begun a line: `abc`.
    fn amid_a_line() -> (Scene, usize) {
        let mut scene = Scene::new(Rotation::NEVER, LogFull::Drop);
        let a = scene.join();
        scene.say(a, "abc");
        scene.turn();
        (scene, a)
    }

    fn join(&mut self) -> usize {
        self.join_as(false, None)
    }

    fn join_as(&mut self, by_alias: bool, ears: Option<Ears>) -> usize {
        let kind = Kind {
            log: 0,
            is_stamped: false,
            is_shared: false,
            by_alias,
            is_merged: false,
            keeps_recent: false,
            ears,
        };
        self.world.join(kind).expect("the log can be opened")
    }

    fn say(&mut self, writer: usize, text: &str) {
        assert_eq!(self.world.write(writer, 0, text.as_bytes()), text.len());
    }

    fn turn(&mut self) {
        self.world.turn().unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.world.path(0)).unwrap()
    }

    fn pass(&mut self, time: Duration) {
        self.world.now = self.world.now + time;
    }

    /// Everybody goes, and all promises are kept.
    fn finish(&mut self) {
        self.world.set_fault(None);
        for writer in 0..self.world.writers.len() {
            if !self.world.writers[writer].is_reaped {
                self.world.reap(writer, false).unwrap();
            }
        }
        assert!(self.world.settle().unwrap());
        self.world.check_counts().unwrap();
    }
}

#[test]
#[ignore = "in a process of its own"]
fn who_joins_waits_for_the_end_of_a_line() {
    let (mut scene, a) = Scene::amid_a_line();
    assert_eq!(scene.text(), "abc", "a prompt is seen at once");
    let b = scene.join();
    scene.say(b, "b\n");
    scene.turn();
    scene.turn();
    assert_eq!(scene.text(), "abc");
    assert_eq!(scene.world.pipes.next_deadline(), Some(scene.world.now + WAIT));
    scene.pass(WAIT / 2);
    scene.say(a, "def\n");
    scene.turn();
    scene.turn();
    assert_eq!(scene.text(), "abcdef\nb\n");
    assert_eq!(scene.world.pipes.next_deadline(), None);
    scene.finish();
}

#[test]
#[ignore = "in a process of its own"]
fn nobody_waits_longer_than_a_moment() {
    let (mut scene, a) = Scene::amid_a_line();
    let (b, c) = (scene.join(), scene.join());
    scene.say(b, "b\n");
    scene.turn();
    scene.pass(WAIT / 2);
    scene.say(c, "c\n");
    scene.turn();
    assert_eq!(scene.text(), "abc");
    scene.pass(WAIT / 2);
    scene.turn();
    assert_eq!(scene.text(), "abc\nb\nc\n", "they have waited for the same line");
    scene.say(a, "def\n");
    scene.turn();
    assert_eq!(scene.text(), "abc\nb\nc\ndef\n");
    scene.finish();
}

/// What has come in time counts, whoever is served first.
#[test]
#[ignore = "in a process of its own"]
fn the_end_of_a_line_is_looked_for_before_the_line_is_broken() {
    for is_end_of_b in [false, true] {
        let (mut scene, a) = Scene::amid_a_line();
        let b = scene.join();
        scene.say(b, "b\n");
        scene.turn();
        if is_end_of_b {
            scene.say(a, "def\n");
            scene.world.reap(b, false).unwrap();
        } else {
            scene.pass(WAIT);
            scene.say(a, "def\n");
            scene.turn();
        }
        assert_eq!(scene.text(), "abcdef\nb\n");
        scene.finish();
    }
}

#[test]
#[ignore = "in a process of its own"]
fn last_words_do_not_wait_and_nobody_waits_for_the_dead() {
    let (mut scene, _) = Scene::amid_a_line();
    let b = scene.join();
    scene.say(b, "b\n");
    scene.world.reap(b, false).unwrap();
    assert_eq!(scene.text(), "abc\nb\n");
    scene.finish();
    let (mut scene, a) = Scene::amid_a_line();
    let b = scene.join();
    scene.world.reap(a, true).unwrap();
    scene.say(b, "b\n");
    scene.turn();
    assert_eq!(scene.text(), "abc\nb\n", "somebody else holds the pipe of a dead process");
    scene.world.let_go(a);
    scene.finish();
}

/// While lines of a program wait for another one's they cannot be heard, nor can their absence.
#[test]
#[ignore = "in a process of its own"]
fn who_waits_for_a_line_is_not_silent() {
    let (mut scene, _) = Scene::amid_a_line();
    let b = scene.join_as(false, Some(Ears::new(Probe::Liveness)));
    scene.world.ask_again(b);
    scene.say(b, "bjbb\n");
    let pipe = scene.world.writers[b].pipe;
    scene.world.pipes.begin_turn(scene.world.now);
    assert!(!scene.world.pipes.catch_up(pipe));
    scene.turn();
    scene.pass(WAIT);
    scene.turn();
    assert_eq!(scene.world.heard, 1);
    scene.finish();
}

/// Who removes a log to make room gets the room: the file is let go, though its program waits for the disk.
#[test]
#[ignore = "in a process of its own"]
fn a_file_that_was_removed_to_make_room_is_let_go() {
    for said in ["abc\nde\n", "abc"] {
        let mut scene = Scene::new(Rotation::NEVER, LogFull::Block);
        let a = scene.join();
        scene.say(a, said);
        scene.turn();
        scene.world.set_fault(Some(Fault::Full { room: 1, errno: libc::ENOSPC }));
        scene.say(a, "fgh\nij\n");
        scene.turn();
        scene.world.move_away(0);
        for _ in 0..2 {
            scene.pass(Duration::from_secs(1));
            scene.turn();
        }
        assert_eq!(scene.text(), "", "{said:?}: there is another file");
        scene.world.set_fault(None);
        scene.pass(Duration::from_secs(1));
        scene.turn();
        assert_eq!(scene.text(), "gh\nij\n");
        scene.finish();
    }
}

/// Two programs know one file by two names; it is moved away, and only one of them has noticed.
#[test]
#[ignore = "in a process of its own"]
fn files_that_become_one_share_the_line_that_is_open() {
    let mut scene = Scene::new(Rotation::NEVER, LogFull::Drop);
    let a = scene.join_as(true, None);
    scene.say(a, "first\n");
    scene.turn();
    scene.world.move_away(0);
    let b = scene.join();
    scene.pass(Duration::from_secs(2));
    scene.say(a, "abc");
    scene.turn();
    scene.say(b, "b\n");
    scene.turn();
    scene.say(a, "def\n");
    scene.turn();
    assert!(!scene.text().contains("abcb"), "{:?}", scene.text());
    scene.finish();
}
