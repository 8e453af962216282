//! Names, status messages and the like as a part of a line: what people write must not turn the words beside it around.

/// A text of somebody's as a part of a line, without what would act on its neighbours: control characters and those that
/// direct text are left out, a line break is a space, and what is not plain ASCII stands in an isolate of its own.
pub(crate) fn isolated(text: &str) -> String {
    let directs = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let shown: String = spaced.filter(|c| !c.is_control() && !directs(*c)).collect();
    if shown.is_ascii() { shown } else { format!("\u{2068}{shown}\u{2069}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_among_itself() {
        for (text, shown) in [
            ("bob", "bob"),
            ("Zoë", "\u{2068}Zoë\u{2069}"),
            ("\u{202e}gpj.exe\u{202c}", "gpj.exe"),
            ("\u{2067}a\u{2069}\u{2069}é", "\u{2068}aé\u{2069}"),
            ("a\0\u{1b}[31mb\nc\u{7f}", "a[31mb c"),
            ("👩\u{200d}💻", "\u{2068}👩\u{200d}💻\u{2069}"),
        ] {
            assert_eq!(isolated(text), shown, "{text:?}");
        }
    }
}
