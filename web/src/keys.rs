//! What keys do that no field or button takes.

/// A key as it was pressed, and where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Press<'a> {
    /// The key, as the browser names it: `a`, `ArrowUp`.
    pub(crate) key: &'a str,
    /// Whether Ctrl or the platform's own key is down.
    pub(crate) control: bool,
    /// Whether Alt is down.
    pub(crate) alt: bool,
    /// Whether Shift is down.
    pub(crate) shift: bool,
    /// Whether an input method takes the key.
    pub(crate) composing: bool,
    /// Whether the focus is where one types or chooses.
    pub(crate) in_field: bool,
    /// Whether a dialog or menu is open.
    pub(crate) in_dialog: bool,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Goes so many chats down the list.
    Step(isize),
    /// Goes so many unread chats down the list.
    StepUnread(isize),
    /// The key goes into the composer.
    Compose,
    /// Goes to the newest message and the composer.
    Escape,
    /// Opens the file picker.
    Picture,
}

/// What a key does; `None` leaves it to the browser.
pub(crate) fn command(press: Press<'_>) -> Option<Command> {
    let Press { key, control, alt, shift, composing, in_field, in_dialog } = press;
    if composing || in_dialog {
        return None;
    }
    match (key, control, alt) {
        ("ArrowDown", false, true) if shift => Some(Command::StepUnread(1)),
        ("ArrowUp", false, true) if shift => Some(Command::StepUnread(-1)),
        ("ArrowDown", false, true) => Some(Command::Step(1)),
        ("ArrowUp", false, true) => Some(Command::Step(-1)),
        ("Escape", false, false) => Some(Command::Escape),
        ("U" | "u", true, false) if shift => Some(Command::Picture),
        // Space presses a button or scrolls; any other character is text
        (" ", ..) => None,
        (text, false, false) if !in_field => {
            (text.chars().count() == 1).then_some(Command::Compose)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_anywhere_goes_to_the_composer() {
        let press = Press { key: "a", ..Press::default() };
        assert_eq!(command(press), Some(Command::Compose));
        assert_eq!(command(Press { key: "ß", ..press }), Some(Command::Compose));
        for left in [
            Press { in_field: true, ..press },
            Press { control: true, ..press },
            Press { alt: true, ..press },
            Press { composing: true, ..press },
            Press { in_dialog: true, ..press },
            Press { key: "F5", ..press },
            Press { key: "Tab", ..press },
            Press { key: " ", ..press },
        ] {
            assert_eq!(command(left), None, "{left:?}");
        }
    }

    #[test]
    fn alt_and_arrows_go_through_the_list_also_from_a_field() {
        let press = Press { key: "ArrowDown", alt: true, in_field: true, ..Press::default() };
        assert_eq!(command(press), Some(Command::Step(1)));
        assert_eq!(command(Press { shift: true, ..press }), Some(Command::StepUnread(1)));
        assert_eq!(command(Press { key: "ArrowUp", ..press }), Some(Command::Step(-1)));
        assert_eq!(command(Press { alt: false, ..press }), None);
    }

    #[test]
    fn others() {
        let press = Press { key: "Escape", in_field: true, ..Press::default() };
        assert_eq!(command(press), Some(Command::Escape));
        let press = Press { key: "U", control: true, shift: true, ..Press::default() };
        assert_eq!(command(press), Some(Command::Picture));
    }
}
