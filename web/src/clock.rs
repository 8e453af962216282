//! Times and dates as the person's browser writes them.
use std::cell::Cell;

use js_sys::{Array, Date, Intl, Object, Reflect};
use mig33_client::Millis;
use wasm_bindgen::JsValue;
use yew::AttrValue;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// Milliseconds between the two clocks from which on the device has slept.
const SLEPT: f64 = 10_000.0;

thread_local! {
    static TIME: Intl::DateTimeFormat = formatter(&[("hour", "numeric"), ("minute", "2-digit")]);
    static WEEKDAY: Intl::DateTimeFormat = formatter(&[("weekday", "short")]);
    static SHORT_DATE: Intl::DateTimeFormat = formatter(&[("day", "numeric"), ("month", "short")]);
    static DATE: Intl::DateTimeFormat =
        formatter(&[("weekday", "long"), ("day", "numeric"), ("month", "long")]);
    static DATE_WITH_YEAR: Intl::DateTimeFormat =
        formatter(&[("day", "numeric"), ("month", "long"), ("year", "numeric")]);
    static STAMP: Intl::DateTimeFormat = formatter(&[("dateStyle", "short"), ("timeStyle", "short")]);
    static MOMENT: Intl::DateTimeFormat = formatter(&[("dateStyle", "full"), ("timeStyle", "short")]);
}

thread_local! {
    /// What the device's clock was ahead of the browser's own when the page began, and when it was looked at last.
    static AHEAD: (f64, Cell<f64>) = {
        let ahead = Date::now() - since_start();
        (ahead, Cell::new(ahead))
    };
}

/// Milliseconds by a clock that nobody sets: since 1970 by the device's clock as it was when the page began. For all that
/// waits.
pub(crate) fn now() -> Millis {
    AHEAD.with(|(ahead, _)| millis(ahead + since_start()))
}

/// Milliseconds since 1970 by the device's clock, which may be set at any time.
pub(crate) fn on_device() -> Millis {
    millis(Date::now())
}

/// Whether the device has slept since this was asked last: its own clock went on, and the browser's stood.
pub(crate) fn has_slept() -> bool {
    AHEAD.with(|(_, seen)| {
        let ahead = Date::now() - since_start();
        ahead - seen.replace(ahead) > SLEPT
    })
}

/// Milliseconds since the page began.
fn since_start() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
}

fn millis(time: f64) -> Millis {
    // a clock before 1970 or beyond 2^53 ms is of no use to anybody
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and positive"
    )]
    let time = time as Millis;
    time
}

/// The day that a time belongs to by the clock on the wall: days since 1970.
pub(crate) fn day_of(time: Millis) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "whole minutes, less than a day")]
    let offset = date(time).get_timezone_offset() as i64;
    (i64::try_from(time).unwrap_or(0) - offset * 60_000).div_euclid(DAY)
}

/// The time of day: `14:05`.
pub(crate) fn time(time: Millis) -> AttrValue {
    TIME.with(|formatter| format(formatter, &date(time)))
}

/// Day and time in figures: `28/11/2026, 14:05`.
pub(crate) fn stamp(time: Millis) -> AttrValue {
    STAMP.with(|formatter| format(formatter, &date(time)))
}

/// Day and time in full, for who wants to know exactly.
pub(crate) fn moment(time: Millis) -> AttrValue {
    MOMENT.with(|formatter| format(formatter, &date(time)))
}

/// A day's heading: `Today`, `Yesterday`, or its date. Both are days since 1970.
pub(crate) fn day(day: i64, today: i64) -> AttrValue {
    match today - day {
        0 => "Today".into(),
        1 => "Yesterday".into(),
        2..300 => DATE.with(|formatter| format(formatter, &noon(day))),
        _ => DATE_WITH_YEAR.with(|formatter| format(formatter, &noon(day))),
    }
}

/// When something happened, in a word: a time today, a weekday this week, else a date.
pub(crate) fn when(then: Millis, today: i64) -> AttrValue {
    match today - day_of(then) {
        ..1 => time(then),
        1..7 => WEEKDAY.with(|formatter| format(formatter, &date(then))),
        _ => SHORT_DATE.with(|formatter| format(formatter, &date(then))),
    }
}

fn formatter(options: &[(&str, &str)]) -> Intl::DateTimeFormat {
    let object = Object::new();
    for (name, value) in options {
        // setting a property of a plain object does not fail
        let _ = Reflect::set(&object, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    Intl::DateTimeFormat::new(&Array::new(), &object)
}

fn format(formatter: &Intl::DateTimeFormat, date: &Date) -> AttrValue {
    let formatted = formatter.format().call1(&JsValue::UNDEFINED, date);
    formatted.ok().and_then(|text| text.as_string()).unwrap_or_default().into()
}

fn date(time: Millis) -> Date {
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    let time = JsValue::from_f64(time as f64);
    Date::new(&time)
}

/// Noon of a day by the clock on the wall.
fn noon(day: i64) -> Date {
    #[expect(clippy::cast_precision_loss, reason = "days are few")]
    let date = Date::new(&JsValue::from_f64((day * DAY + DAY / 2) as f64));
    Date::new_with_year_month_day_hr_min(
        date.get_utc_full_year(),
        date.get_utc_month() as i32,
        date.get_utc_date() as i32,
        12,
        0,
    )
}
