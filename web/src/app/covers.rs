//! What lies over the page: a dialog, the menu, on a small screen a room's members. While it does, nothing of the chat is
//! read, and the browser's Back closes it before it goes anywhere: for that, it is a step of the browser's history.
use super::{App, surroundings};
use crate::part::Context;
use crate::route::Route;

impl App {
    /// Whether the person looks at the open chat: the page is in front and has the focus, and nothing lies over it.
    pub(super) fn is_looking(&self) -> bool {
        surroundings::looking() && !self.is_covered()
    }

    /// Puts a route into the address, as a step that Back undoes, or in place of the present one: also where that was the step
    /// of what lay over the page.
    pub(super) fn set_route(&mut self, route: &Route, replace: bool) {
        surroundings::set_route(route, replace);
        self.on_cover = surroundings::is_on_cover();
    }

    /// Takes away what lies over the page: it belongs to the view that was there before.
    pub(super) fn clear_covers(&mut self) {
        self.dialog = None;
        if let Some(menu) = surroundings::menu() {
            let _ = menu.hide_popover();
        }
    }

    /// The members of the room may lie over the page since the room, or the window, is another one.
    pub(super) fn cover_by_members(&mut self) {
        if self.members_cover() {
            self.cover();
        }
    }

    fn is_covered(&self) -> bool {
        self.dialog.is_some() || surroundings::menu().is_some() || self.members_cover()
    }

    /// Something may lie over the page that did not before.
    pub(super) fn cover(&mut self) {
        if !self.on_cover && self.is_covered() {
            surroundings::push_cover();
            self.on_cover = true;
        }
    }

    /// Back or Forward was pressed, and the address is the same; true when the page has to be drawn anew.
    pub(super) fn uncover(&mut self, ctx: &Context<Self>) -> bool {
        let was_on_cover = std::mem::replace(&mut self.on_cover, surroundings::is_on_cover());
        if !was_on_cover || self.on_cover {
            return false;
        }
        if let Some(menu) = surroundings::menu() {
            let _ = menu.hide_popover();
        } else if self.dialog.take().is_some() {
        } else if self.members_cover() {
            self.members_open = false;
        } else {
            // it was closed in another way before: this step is none to the person
            surroundings::go_back();
            return false;
        }
        self.cover();
        self.refresh(ctx);
        true
    }

    fn members_cover(&self) -> bool {
        let chat = self.route.chat().and_then(|chat| self.state.chats.get(chat));
        let room = chat.and_then(|chat| chat.room.as_ref());
        self.members_open && room.is_some_and(|room| room.is_entered()) && !surroundings::is_roomy()
    }
}
