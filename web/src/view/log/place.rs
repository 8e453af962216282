//! Where rows of the log are in sight, and bringing one back there.
use web_sys::{Element, HtmlCollection};

/// A row and where it is in sight: what one reads, and must not move.
#[derive(Clone)]
pub(super) struct Anchor {
    pub(super) row: String,
    /// Pixels from the top of the log to the top of the row.
    pub(super) top: f64,
}

/// What the browser moves the log for, besides the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) content: i32,
}

impl Shape {
    pub(super) fn of(log: &Element) -> Self {
        Self {
            width: log.client_width(),
            height: log.client_height(),
            content: log.scroll_height(),
        }
    }

    pub(super) fn is_as_large(self, other: Self) -> bool {
        (self.width, self.height) == (other.width, other.height)
    }
}

pub(super) fn find_anchor(log: &Element) -> Option<Anchor> {
    let rows = log.first_element_child()?.children();
    let top = log.get_bounding_client_rect().top();
    (first_below(&rows, top)..rows.length()).find_map(|at| {
        let row = rows.item(at)?;
        let key = row.get_attribute("data-row")?;
        Some(Anchor { row: key, top: row.get_bounding_client_rect().top() - top })
    })
}

/// False where there is no such row.
pub(super) fn restore(log: &Element, place: &Anchor) -> bool {
    let top = log.get_bounding_client_rect().top();
    let rows = log.first_element_child().map(|rows| rows.children());
    let Some(row) = rows.and_then(|rows| row(&rows, &place.row)) else { return false };
    let moved = row.get_bounding_client_rect().top() - top - place.top;
    if moved.abs() >= 1.0 {
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a page")]
        log.set_scroll_top(log.scroll_top() + moved.round() as i32);
    }
    true
}

pub(super) fn row(rows: &HtmlCollection, key: &str) -> Option<Element> {
    let is_it = |row: &Element| row.get_attribute("data-row").as_deref() == Some(key);
    (0..rows.length()).filter_map(|at| rows.item(at)).find(is_it)
}

/// Pixels below what is in sight.
pub(super) fn below(log: &Element) -> f64 {
    f64::from(log.scroll_height() - log.client_height()) - f64::from(log.scroll_top())
}

/// The first row that ends below this height of the window.
pub(super) fn first_below(rows: &HtmlCollection, height: f64) -> u32 {
    let ends_above = |at: u32| {
        rows.item(at).is_some_and(|row| row.get_bounding_client_rect().bottom() <= height)
    };
    let (mut from, mut to) = (0, rows.length());
    while from < to {
        let middle = from.midpoint(to);
        if ends_above(middle) { from = middle + 1 } else { to = middle }
    }
    from
}
