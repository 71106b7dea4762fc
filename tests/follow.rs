//! `tail -f` at the console, across rotations of the file.

mod harness;

use harness::{Console, Site, Terminal, wait_until};

const TICKER: &str = "  w: {cmd: [sh, -c, 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.005; done'], stdout: out, stdout_maxbytes: 500, stdout_backups: 5, starttime: 0}";

fn rotated(site: &Site) -> bool {
    site.path("out.3").exists()
}

#[test]
fn a_piped_console_follows_across_rotations() {
    let mut console = Console::open(Site::new(TICKER));
    wait_until("output", || console.running.site.read("out").lines().count() > 3);
    console.say("tail -f -n 1 w\n");
    let first = console.hear();
    let mut number: u32 = first.strip_prefix("line ").unwrap().parse().unwrap();
    for _ in 0..300 {
        number += 1;
        assert_eq!(console.hear(), format!("line {number}"));
    }
    assert!(rotated(&console.running.site));
}

#[test]
fn a_terminal_follows_until_ctrl_c() {
    let site = Site::new(TICKER);
    let mut terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    let mut running = site.start(&mut command);
    terminal.expect("taskmaster> ");
    terminal.press("tail -f w\n");
    for number in [50, 51, 52, 53, 120, 121, 200, 201, 202] {
        terminal.expect(&format!("line {number}\r\n"));
    }
    assert!(rotated(&running.site));
    terminal.press("\u{3}");
    terminal.press("stop w\n");
    terminal.expect("w:0: stopped\r\n");
    terminal.press("exit\n");
    assert_eq!(running.wait().code(), Some(0));
}
