//! Other tabs of this browser: each has a session of its own, and tabs of one account share the token that logs them in. It
//! is new at each log-in, so the one that a tab has may be older than what the browser keeps.
use std::rc::Rc;

use mig33_client::Account;

use super::App;
use crate::part::Context;

impl App {
    /// The person leaves: no tab is to be logged in by what this one has kept.
    pub(super) fn forget_token(&mut self) {
        if let Some(account) = &self.account {
            self.store.set_token(&account.username, None);
        }
    }

    /// The server does not take the session's token any more. A newer one, which another tab has got, may still be good.
    pub(super) fn token_is_dead(&mut self, username: &str) {
        if self.token.take() == self.store.token(username) {
            self.store.set_token(username, None);
        }
    }

    /// The server has put this tab out: whether another tab's token takes it in again at once. If it was for its token, it
    /// waits for the person to log in anywhere.
    pub(super) fn goes_on(&mut self, ctx: &Context<Self>, account: &Rc<Account>) -> bool {
        if self.token.is_some() {
            return false;
        }
        let Some(token) = self.store.token(&account.username) else {
            self.put_out = Some(account.username.clone());
            return false;
        };
        self.start_anew();
        self.come_back_with(ctx, &account.username, token);
        true
    }

    /// What the browser keeps has changed; true when the page has to be drawn anew.
    pub(super) fn stored(&mut self, ctx: &Context<Self>) -> bool {
        if self.is_logging_in() {
            return false;
        }
        let Some(username) = self.put_out.clone() else { return false };
        let Some(token) = self.store.token(&username) else { return false };
        (self.put_out, self.log_in_error) = (None, None);
        self.come_back_with(ctx, &username, token);
        self.refresh(ctx);
        true
    }
}
