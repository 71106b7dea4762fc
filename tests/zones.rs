//! Schedules where the clock is changed twice a year. A test binary of its own, as the zone is that of
//! the process.

use chrono::{DateTime, Local, NaiveDateTime, TimeZone, Utc};
use taskmaster::config::Schedule;

/// Central Europe, without the need for a data base: 2:00 becomes 3:00 on the last Sunday in March, and
/// 3:00 becomes 2:00 on the last Sunday in October.
const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn utc(text: &str) -> DateTime<Utc> {
    Utc.from_utc_datetime(&NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap())
}

/// The next times, as the clock on the wall shows them.
fn times(text: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::new(text).unwrap();
    let mut at = utc(after).with_timezone(&Local);
    let mut times = Vec::new();
    for _ in 0..count {
        at = schedule.next_after(&at).unwrap();
        times.push(at.format("%m-%d %H:%M %:z").to_string());
    }
    times
}

#[test]
fn twice_a_year_nothing_is_lost_and_nothing_runs_twice() {
    // SAFETY: this is the only test of its process, so nobody else looks at the environment meanwhile.
    unsafe { std::env::set_var("TZ", ZONE) };
    // The hour that is left out: right after it.
    assert_eq!(
        times("30 2 * * *", "2026-03-28 00:00", 3),
        ["03-28 02:30 +01:00", "03-29 03:00 +02:00", "03-30 02:30 +02:00"]
    );
    assert_eq!(times("0 2 * * *", "2026-03-28 12:00", 2), ["03-29 03:00 +02:00", "03-30 02:00 +02:00"]);
    assert_eq!(times("0 3 * * *", "2026-03-28 12:00", 2), ["03-29 03:00 +02:00", "03-30 03:00 +02:00"]);
    // What comes every hour does so.
    assert_eq!(
        times("15 * * * *", "2026-03-29 00:00", 3),
        ["03-29 01:15 +01:00", "03-29 03:15 +02:00", "03-29 04:15 +02:00"]
    );
    // The hour that comes twice: once, the first time.
    assert_eq!(times("30 2 * * *", "2026-10-24 12:00", 2), ["10-25 02:30 +02:00", "10-26 02:30 +01:00"]);
    assert_eq!(times("0 2 * * *", "2026-10-24 12:00", 2), ["10-25 02:00 +02:00", "10-26 02:00 +01:00"]);
    assert_eq!(times("0 3 * * *", "2026-10-24 12:00", 2), ["10-25 03:00 +01:00", "10-26 03:00 +01:00"]);
    assert_eq!(
        times("*/30 * * * *", "2026-10-24 23:45", 5),
        [
            "10-25 02:00 +02:00",
            "10-25 02:30 +02:00",
            "10-25 02:00 +01:00",
            "10-25 02:30 +01:00",
            "10-25 03:00 +01:00"
        ]
    );
}
