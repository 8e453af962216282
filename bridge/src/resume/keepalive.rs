//! Keeping a detached session's server from thinking it dead: our own PING, and its answer taken out of the stream
//! again. No I/O.
use mig33_codec::{Command, HEADER_LEN, Header, MAGIC, Scanner};

/// A PING with number 0 (spec/packets.toml).
pub(super) const PING: [u8; HEADER_LEN] = {
    let [high, low] = Command::PING.0.to_be_bytes();
    [MAGIC, high, low, 0, 0, 0, 0, 0, 0]
};

/// PINGs with number 0 that have no answer yet, in the order in which they were written to the server. Clients number
/// theirs, as a rule; one that does not must get its own answers all the same.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The client's before ours; all of the client's where none of ours is open.
    before: u64,
    /// The client's after ours.
    after: u64,
    /// Where one of ours is open: what takes its answer out.
    ours: Option<Box<Sieve>>,
}

/// What takes packets out of a stream.
#[derive(Debug, Default)]
struct Sieve {
    header: [u8; HEADER_LEN],
    filled: usize,
    /// Bytes of the present packet's PARAMS that are still to come.
    left: usize,
    /// The present packet is taken out.
    is_taken: bool,
}

impl Pings {
    /// The client's packet with this header was written to the server.
    pub(super) const fn written(&mut self, header: &Header) {
        if is_open_ping(header, Command::PING) {
            match self.ours {
                None => self.before += 1,
                Some(_) => self.after += 1,
            }
        }
    }

    /// Whether one of ours has no answer yet.
    pub(super) const fn is_open(&self) -> bool {
        self.ours.is_some()
    }

    /// One of ours is written now. The server's stream has to stand between two packets.
    pub(super) fn sent(&mut self) {
        self.ours = Some(Box::default());
    }

    /// The server's packet with this header has come, while none of ours is open.
    pub(super) const fn answered(&mut self, header: &Header) {
        if is_open_ping(header, Command::PONG) {
            self.before = self.before.saturating_sub(1);
        }
    }

    /// The server's next bytes without the answer to ours, while one is open. The start of a packet is held back until
    /// its header is whole.
    pub(super) fn sieve(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(bytes.len() + HEADER_LEN);
        let mut rest = bytes;
        while let Some(sieve) = &mut self.ours {
            if rest.is_empty() {
                return kept;
            }
            if sieve.left == 0 && sieve.filled == HEADER_LEN {
                sieve.filled = 0;
            }
            if sieve.filled < HEADER_LEN {
                rest = sieve.fill_header(rest);
                if sieve.filled < HEADER_LEN {
                    return kept;
                }
                // a stream with another header has been given up already
                let Ok(header) = Header::read(&sieve.header, 0) else { return kept };
                sieve.left = header.length as usize;
                let is_answer = is_open_ping(&header, Command::PONG);
                sieve.is_taken = is_answer && self.before == 0;
                if !sieve.is_taken {
                    kept.extend_from_slice(&sieve.header);
                    self.before -= u64::from(is_answer);
                }
            } else {
                let (params, after) = rest.split_at(sieve.left.min(rest.len()));
                if !sieve.is_taken {
                    kept.extend_from_slice(params);
                }
                sieve.left -= params.len();
                rest = after;
            }
            if sieve.left == 0 && sieve.is_taken {
                self.ours = None;
                self.before = std::mem::take(&mut self.after);
            }
        }
        // the rest begins with a packet; a header that is not whole in it is shown to `answered` later
        let _ = Scanner::new().advance_with(rest, |header| self.answered(&header));
        kept.extend_from_slice(rest);
        kept
    }
}

impl Sieve {
    /// Takes what is missing of a header; what is behind it.
    fn fill_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let free = self.header.get_mut(self.filled..).unwrap_or_default();
        let (taken, after) = bytes.split_at(free.len().min(bytes.len()));
        for (to, from) in free.iter_mut().zip(taken) {
            *to = *from;
        }
        self.filled += taken.len();
        after
    }
}

/// Whether it is this command, with number 0.
const fn is_open_ping(header: &Header, command: Command) -> bool {
    header.command.0 == command.0 && header.transaction == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(command: Command, transaction: u16, params: usize) -> Vec<u8> {
        let mut packet = vec![MAGIC];
        packet.extend(command.0.to_be_bytes());
        packet.extend(transaction.to_be_bytes());
        packet.extend((params as u32).to_be_bytes());
        packet.resize(packet.len() + params, 2);
        packet
    }

    fn header(packet: &[u8]) -> Header {
        Header::read(packet.first_chunk().unwrap(), 0).unwrap()
    }

    #[test]
    fn the_answer_to_ours_is_taken_out_whatever_the_cut() {
        let theirs = packet(Command::PONG, 7, 0);
        let before = [packet(Command::MESSAGE, 0, 30), theirs].concat();
        let answer = packet(Command::PONG, 0, 5);
        let answer_len = answer.len();
        // the next one with number 0 is the answer to a PING that the client has sent meanwhile
        let after = [packet(Command::PONG, 0, 0), packet(Command::OK, 3, 12)].concat();
        let stream = [before.clone(), answer, after.clone()].concat();
        for cut in 0..=stream.len() {
            let mut pings = Pings::default();
            pings.sent();
            pings.written(&header(&packet(Command::PING, 0, 0)));
            let (first, second) = stream.split_at(cut);
            let mut kept = pings.sieve(first);
            if pings.is_open() {
                kept.extend(pings.sieve(second));
            } else {
                kept.extend(second);
            }
            assert_eq!(kept, [before.clone(), after.clone()].concat(), "cut at {cut}");
            assert!(!pings.is_open());
            // behind the piece that ours ends in, a header is counted by who reads the next one
            let end = before.len() + answer_len;
            let is_counted = !(end..end + HEADER_LEN).contains(&cut);
            assert_eq!(pings.before, u64::from(!is_counted), "cut at {cut}");
        }
    }

    #[test]
    fn the_clients_own_answers_come_first() {
        let mut pings = Pings::default();
        pings.written(&header(&packet(Command::PING, 0, 0)));
        pings.written(&header(&packet(Command::PING, 0, 0)));
        pings.written(&header(&packet(Command::PING, 4, 0)));
        pings.answered(&header(&packet(Command::PONG, 0, 0)));
        pings.sent();
        let pong = packet(Command::PONG, 0, 0);
        assert_eq!(pings.sieve(&pong), pong);
        assert!(pings.is_open());
        assert!(pings.sieve(&pong).is_empty());
        assert!(!pings.is_open());
        assert_eq!(pings.sieve(&pong), pong, "nobody looks any more");
    }
}
