//! What a person can want: components say it, the app does it.
use std::rc::Rc;

use mig33_client::{Action, ChatId};
use web_sys::File;

use crate::route::Route;

/// Something that the person wants. No `Debug`: it may hold a password.
pub(crate) enum Intent {
    /// Log in.
    LogIn {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// Make an account and log in.
    Register {
        /// The name.
        username: String,
        /// The password.
        password: String,
        /// Digits with country code; empty for none.
        mobile_phone: String,
    },
    /// Nothing after all: what was typed is not to be sent.
    Nothing,
    /// Forget an error of the log-in view.
    ForgetError,
    /// Log out, once it is sure that nothing is lost by it, or the person has said so.
    AskToLogOut,
    /// Log out, for good.
    LogOut,
    /// Try to connect now.
    ConnectNow,
    /// Show something else.
    Show(Route),
    /// Go from the chat to the list.
    Back,
    /// Something that the session does; a refusal is shown.
    Act(Action),
    /// Something that a dialog asks for; the dialog shows a refusal, and closes when it is done.
    Ask(Action),
    /// Open a dialog.
    Open(DialogKind),
    /// Close the dialog.
    Close,
    /// What is typed in a chat's composer has changed.
    Draft(ChatId, String),
    /// Send a text.
    Send(ChatId, String),
    /// Send files as pictures.
    SendPictures(ChatId, Vec<File>),
    /// Show files as pictures, to be sent when the person says so.
    ShowPictures(ChatId, Vec<File>),
    /// Send the pictures that are shown in a chat.
    SendShown(ChatId),
    /// Send a picture that is shown, or try again to.
    RetryPicture(u32),
    /// Do not send a picture, or forget that it failed.
    DropPicture(u32),
    /// The open chat's newest message came into sight, or went out of it.
    AtBottom(bool),
    /// The newest message of the open chat that is in sight.
    Seen(Option<Rc<str>>),
    /// Show or hide a room's members.
    ToggleMembers,
    /// Tell the person that something did not work.
    Complain(Rc<str>),
    /// An error of the page has been seen.
    DismissError(u32),
}

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialogKind {
    /// Asks somebody to become a contact.
    AddContact,
    /// Finds and makes rooms.
    Rooms,
    /// Asks whether a contact is really to be removed.
    RemoveContact {
        /// Which.
        id: u32,
        /// Who.
        username: Rc<str>,
    },
    /// Asks whether what was not sent may be lost.
    LogOut,
    /// Shows a picture as large as it is.
    Picture {
        /// Where it is.
        source: Rc<str>,
        /// What it is called.
        name: Rc<str>,
    },
}
