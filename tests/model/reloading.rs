//! Another configuration: who is touched, in which order, and what is answered.

use taskmaster::supervisor::{Ending, Goal, Launch, State};

use crate::scene::Scene;

const W: &str = "w:0";

#[test]
fn what_did_not_change_sees_no_event() {
    let mut scene = Scene::running("w: {cmd: x, numprocs: 2}, v: {cmd: y}");
    assert_eq!(scene.reload("v: {cmd: y}, w: {cmd: x, numprocs: 2}"), ["#1 done"]);
    assert_eq!(scene.list(), ["v:0", "w:0", "w:1"]);
}

#[test]
fn removed_programs_stop_by_their_rules_and_leave_the_list_when_they_are_gone() {
    let mut scene = Scene::running("w: {cmd: x, stopsignal: INT}, v: {cmd: y}");
    let lines = scene.reload("v: {cmd: y}");
    assert_eq!(lines, ["w:0 INT to group", "w:0 CONT to group", "w:0 -> Stopping(Terminating)"]);
    assert_eq!(scene.list(), ["v:0", "w:0"]);
    assert_eq!(scene.ends(W), ["w:0 watch group", "w:0 -> Stopped", "#1 w:0: removed", "#1 done"]);
    assert_eq!(scene.list(), ["v:0"]);
    assert_eq!(scene.order("start w"), ["#2 ERROR w: no such program", "#2 failed"]);
}

#[test]
fn what_rests_is_removed_at_once() {
    let mut scene = Scene::new("w: {cmd: x, autostart: false}");
    assert_eq!(scene.reload(""), ["#1 w:0: removed", "#1 done"]);
    assert_eq!(scene.list(), [""; 0]);
}

#[test]
fn added_programs_start_if_they_start_by_themselves() {
    let mut scene = Scene::running("w: {cmd: x}");
    let lines = scene.reload("v: {cmd: y, starttime: 0}, u: {cmd: z, autostart: false}, w: {cmd: x}");
    assert_eq!(lines, ["v:0 -> Starting(Queued)"]);
    assert_eq!(scene.take(), Some("v:0".to_owned()));
    assert_eq!(scene.spawned("v:0"), ["v:0 -> Running", "#1 v:0: started", "#1 done"]);
    assert_eq!(scene.list(), ["v:0", "u:0", "w:0"]);
}

#[test]
fn fewer_instances_take_the_highest_numbers_even_while_they_start() {
    let mut scene = Scene::running("w: {cmd: x, numprocs: 2}");
    scene.order("scale w 4");
    assert_eq!(scene.take(), Some("w:2".to_owned()));
    scene.spawned("w:2");
    let lines = scene.reload("w: {cmd: x, numprocs: 2}");
    assert_eq!(lines[0], "w:3 -> Stopped");
    assert!(lines.contains(&"w:2 TERM to group".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("w:0 ") || line.starts_with("w:1 ")), "{lines:?}");
    assert_eq!(scene.list(), ["w:0", "w:1", "w:2"]);
    assert!(scene.ends("w:2").contains(&"#1 failed".to_owned()), "the scale is told");
    assert_eq!(scene.list(), ["w:0", "w:1"]);
}

#[test]
fn a_changed_program_is_stopped_by_the_rules_that_its_process_knows() {
    let mut scene = Scene::running("w: {cmd: x, stopsignal: INT, stoptime: 3}");
    let lines = scene.reload("w: {cmd: y, stopsignal: QUIT, stoptime: 9, starttime: 0}");
    assert_eq!(lines, ["w:0 INT to group", "w:0 CONT to group", "w:0 -> Stopping(Terminating)"]);
    assert_eq!(scene.wait_of(W), Some(std::time::Duration::from_secs(3)));
    scene.ends(W);
    assert_eq!(scene.state(W), State::Starting(Launch::Queued));
    scene.take();
    assert_eq!(scene.spawned(W), ["w:0 -> Running", "#1 w:0: started", "#1 done"]);
    assert_eq!(scene.order("stop w")[0], "w:0 QUIT to group");
}

#[test]
fn a_change_in_place_touches_no_process() {
    let mut scene = Scene::running("w: {cmd: x}");
    assert_eq!(scene.reload("w: {cmd: x, stopsignal: USR1, autorestart: never, stoptime: 1}"), ["#1 done"]);
    assert_eq!(scene.order("stop w")[0], "w:0 USR1 to group");
}

#[test]
fn what_was_stopped_by_a_wish_stays_so_when_its_program_changes() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("stop w");
    assert_eq!(scene.reload("w: {cmd: y}"), ["#2 done"]);
    scene.ends(W);
    assert_eq!((scene.state(W), scene.take()), (State::Stopped, None));
}

#[test]
fn a_changed_program_that_gave_up_or_waits_is_tried_at_once() {
    let mut scene = Scene::booted("w: {cmd: x, startretries: 0}, v: {cmd: x}");
    scene.take();
    scene.take();
    scene.spawn_fails(W);
    scene.spawn_fails("v:0");
    assert_eq!((scene.state(W), scene.state("v:0")), (State::Fatal, State::Backoff));
    scene.reload("w: {cmd: y, startretries: 0}, v: {cmd: y}");
    assert_eq!(scene.spawn_all(), [W, "v:0"]);
}

#[test]
fn a_program_that_comes_back_while_it_stops_is_one_process() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.reload("");
    scene.reload("w: {cmd: y, starttime: 0}");
    assert_eq!((scene.state(W), scene.take()), (State::Stopping(Ending::Terminating), None));
    let lines = scene.ends(W);
    assert!(lines.contains(&"#1 w:0: stopped".to_owned()), "{lines:?}");
    assert_eq!(scene.take(), Some(W.to_owned()));
    assert_eq!(scene.spawned(W), ["w:0 -> Running", "#2 w:0: started", "#2 done"]);
    assert_eq!(scene.list(), [W]);
}

#[test]
fn the_last_wish_wins_among_reloads() {
    let mut scene = Scene::running("w: {cmd: x}");
    for programs in ["", "w: {cmd: y}", "", "w: {cmd: z, autostart: false}"] {
        scene.reload(programs);
    }
    scene.ends(W);
    assert_eq!((scene.state(W), scene.take()), (State::Stopped, None));
    assert_eq!(scene.instance(W).goal(), Goal::Down);
}

#[test]
fn what_is_being_removed_cannot_be_started() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.reload("");
    let refused = "#2 ERROR w:0: is being removed, as the configuration asks";
    assert_eq!(scene.order("start w"), [refused, "#2 failed"]);
    assert_eq!(scene.order("stop w"), [""; 0]);
    let lines = scene.ends(W);
    assert!(lines.contains(&"#3 w:0: stopped".to_owned()), "{lines:?}");
    assert_eq!(scene.list(), [""; 0]);
}

#[test]
fn a_shutdown_is_not_cancelled_by_a_reload() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("exit");
    assert_eq!(
        scene.reload("w: {cmd: y}, v: {cmd: z}"),
        ["#2 ERROR the supervisor is shutting down", "#2 failed"]
    );
    assert!(scene.ends(W).contains(&"quit, 0 left".to_owned()));
}

#[test]
fn a_shutdown_waits_for_what_a_reload_moved_to_another_priority() {
    let mut scene = Scene::running("w: {cmd: x}, v: {cmd: y, priority: 5}");
    scene.reload("w: {cmd: x, priority: 1}, v: {cmd: y, priority: 5}");
    scene.order("exit");
    assert_eq!((scene.state("v:0"), scene.state(W)), (State::Stopping(Ending::Terminating), State::Running));
    scene.ends("v:0");
    assert!(scene.ends(W).contains(&"quit, 0 left".to_owned()));
}

#[test]
fn scale_is_undone_by_a_reload() {
    let mut scene = Scene::running("w: {cmd: x, starttime: 0}");
    scene.order("scale w 3");
    assert_eq!(scene.core.programs().next().unwrap().scaled_from(), Some(1));
    assert_eq!(scene.spawn_all(), ["w:1", "w:2"]);
    assert_eq!(scene.order("scale w 3"), ["#2 w: numprocs is 3 already", "#2 done"]);
    assert_eq!(scene.order("scale v 3"), ["#3 ERROR v: no such program", "#3 failed"]);
    scene.reload("w: {cmd: x, starttime: 0}");
    assert_eq!(scene.core.programs().next().unwrap().scaled_from(), None);
    scene.ends("w:2");
    scene.ends("w:1");
    assert_eq!(scene.list(), [W]);
}

#[test]
fn a_request_that_waits_for_what_is_removed_gets_its_answer() {
    let mut scene = Scene::new("w: {cmd: x}");
    scene.order("start w");
    let lines = scene.reload("");
    let told = ["#1 ERROR w:0: stopped before it was running", "#1 failed", "#2 w:0: removed", "#2 done"];
    assert_eq!(lines[1..], told);
}

/// `p0` to the one before `p{count}`, of which the ends are told one after the other.
fn many(count: u32) -> String {
    (0..count).map(|number| format!("p{number}: {{cmd: x}}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn programs_that_go_one_after_the_other_are_seen_no_more_at_once() {
    let mut scene = Scene::running(&format!("{}, w: {{cmd: x}}", many(6)));
    scene.reload("w: {cmd: x}");
    let mut left: Vec<String> = (0..6).map(|number| format!("p{number}:0")).collect();
    for gone in ["p3:0", "p0:0", "p5:0"] {
        scene.ends(gone);
        left.retain(|name| name != gone);
        let shown: Vec<String> = std::iter::once("w:0".to_owned()).chain(left.clone()).collect();
        assert_eq!(scene.list(), shown, "in their order");
        let told = scene.order(&format!("stop {}", gone.trim_end_matches(":0")));
        assert!(told[0].contains("no such program"), "{told:?}");
        assert!(
            scene.order("signal USR1 p*").iter().filter(|line| line.contains("signalled")).count()
                == left.len()
        );
    }
    // One that is gone comes again as a new one, one that is not as what it was.
    scene.reload("p3: {cmd: x}, w: {cmd: x}, p4: {cmd: x}");
    assert_eq!(scene.list(), ["p3:0", "w:0", "p4:0", "p1:0", "p2:0"]);
    assert_eq!(scene.state("p3:0"), State::Starting(Launch::Queued));
}

#[test]
fn the_list_is_seldom_put_in_order_while_very_many_programs_go() {
    const COUNT: u32 = 300;
    let mut scene = Scene::running(&format!("{}, w: {{cmd: x}}", many(COUNT)));
    scene.reload("w: {cmd: x}");
    let before = scene.core.list_revision();
    for number in 0..COUNT {
        scene.ends(&format!("p{number}:0"));
    }
    assert_eq!(scene.list(), ["w:0"]);
    // Each end is a change, and so is each new order of the list, which costs as much as there is in it.
    let orders = scene.core.list_revision() - before - u64::from(COUNT);
    assert!((1..=u64::from(COUNT.ilog2()) + 1).contains(&orders), "{orders}");
}

#[test]
fn what_a_program_needed_has_its_own_priority_when_that_program_is_gone() {
    let needs = "web: {cmd: x, priority: 1, depends_on: {db: {condition: running}}}";
    let mut scene =
        Scene::booted(&format!("{}, mid: {{cmd: x, priority: 500}}, db: {{cmd: x}}, {needs}", many(4)));
    while !scene.spawn_all().is_empty() {
        scene.reach_deadline();
    }
    scene.reload("mid: {cmd: x, priority: 500}");
    scene.ends("web:0");
    assert_eq!(scene.state("db:0"), State::Stopping(Ending::Terminating));
    for number in 0..4 {
        scene.ends(&format!("p{number}:0"));
    }
    let told = scene.give(taskmaster::command::Order::Shutdown);
    assert!(!told.iter().any(|line| line.starts_with("mid:0 TERM")), "db is of 999 by now: {told:?}");
    let told = scene.ends("db:0");
    assert!(told.iter().any(|line| line.starts_with("mid:0 TERM")), "{told:?}");
}
