//! Time zones in which an hour that comes twice comes in order.
//!
//! chrono 0.4.45 gives the two meanings of such a time in the wrong order where a zone is described by a
//! rule (as every present one is), and takes the borders of the hour wrongly. From UTC to local time it
//! is right; so the way back is sought with that.

use std::fmt;

use chrono::offset::{FixedOffset, MappedLocalTime, Offset, TimeZone};
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

/// The same zone as `Z`.
#[derive(Clone)]
pub(super) struct Orderly<Z>(pub(super) Z);

/// What is added to UTC, somewhere.
#[derive(Clone)]
pub(super) struct Placed<Z> {
    zone: Z,
    offset: FixedOffset,
}

impl<Z: TimeZone> Orderly<Z> {
    fn offset_at(&self, utc: &NaiveDateTime) -> FixedOffset {
        self.0.offset_from_utc_datetime(utc).fix()
    }
}

impl<Z: TimeZone> TimeZone for Orderly<Z> {
    type Offset = Placed<Z>;

    fn from_offset(offset: &Placed<Z>) -> Self {
        Orderly(offset.zone.clone())
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<Placed<Z>> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<Placed<Z>> {
        // No zone is further than a day from UTC, or changes twice within two.
        let around = [local.checked_sub_days(Days::new(1)), local.checked_add_days(Days::new(1))];
        let [before, after] = around.map(|moment| self.offset_at(&moment.unwrap_or(*local)));
        let is_so = |offset: &FixedOffset| {
            local.checked_sub_offset(*offset).is_some_and(|utc| self.offset_at(&utc) == *offset)
        };
        let placed = |offset: FixedOffset| Placed { zone: self.0.clone(), offset };
        match (is_so(&before), is_so(&after)) {
            // What was so before the change is the earlier of the two.
            (true, true) if before != after => MappedLocalTime::Ambiguous(placed(before), placed(after)),
            (true, _) => MappedLocalTime::Single(placed(before)),
            (false, true) => MappedLocalTime::Single(placed(after)),
            (false, false) => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> Placed<Z> {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> Placed<Z> {
        Placed { zone: self.0.clone(), offset: self.offset_at(utc) }
    }
}

impl<Z: TimeZone> Offset for Placed<Z> {
    fn fix(&self) -> FixedOffset {
        self.offset
    }
}

impl<Z> fmt::Debug for Placed<Z> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.offset, f)
    }
}
