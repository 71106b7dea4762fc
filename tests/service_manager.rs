//! Under a service manager: sd_notify(3), on a datagram socket of the test's own.

mod harness;

use std::os::unix::net::UnixDatagram;

use harness::{PATIENCE, Site, marked};
use nix::sys::signal::Signal;

/// Reads messages until one begins with `wanted`.
fn hear(manager: &UnixDatagram, wanted: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = manager.recv(&mut buffer).unwrap_or_else(|error| panic!("waited for {wanted}: {error}"));
        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if message.starts_with(wanted) {
            return message;
        }
    }
}

#[test]
fn the_manager_is_told_of_each_phase_and_gets_its_signs_of_life() {
    let site = Site::new("  w: {cmd: [sh, -c, 'env > env; exec sleep 1000'], numprocs: 2, starttime: 0}");
    let manager = UnixDatagram::bind(site.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = site.command();
    command.env("NOTIFY_SOCKET", site.path("notify")).env("WATCHDOG_USEC", "200000");
    let mut running = site.start(&mut command);
    hear(&manager, "READY=1");
    while hear(&manager, "STATUS=") != "STATUS=2 RUNNING" {}
    hear(&manager, "WATCHDOG=1");
    hear(&manager, "WATCHDOG=1");
    running.signal(Signal::SIGHUP);
    let reloading = hear(&manager, "RELOADING=1");
    let (_, microseconds) = reloading.split_once("\nMONOTONIC_USEC=").unwrap();
    assert!(microseconds.parse::<u64>().unwrap() > 0);
    hear(&manager, "READY=1");
    assert!(!running.site.read("env").contains("NOTIFY_SOCKET"), "programs must not speak in our name");
    running.signal(Signal::SIGTERM);
    hear(&manager, "STOPPING=1");
    assert!(running.wait().success());
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

#[test]
fn a_manager_that_is_not_there_hinders_nothing() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    let mut command = site.command();
    command.env("NOTIFY_SOCKET", site.path("nobody")).env("WATCHDOG_USEC", "100000");
    let running = site.start(&mut command);
    running.wait_for_state("w:0", "RUNNING");
    running.stop();
}
