//! `Remark`: what `tap` says in the comments of its captures, and `decode` reads there.
use std::fmt;

/// What every remark begins with.
const START: &str = "mig33 tap: ";

/// A comment of a pcapng block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// Of the file: connections with this port are mig33, whatever is in them.
    Port(u16),
    /// Of a segment: its bytes are no packet, and are not those that were sent.
    Masked,
    /// What was wrong with the bytes that are masked after it.
    Problem(String),
    /// Where reading went on after them.
    Passed(String),
}

impl Remark {
    /// Reads a comment; nothing if it is somebody else's.
    pub(crate) fn parse(comment: &str) -> Option<Self> {
        let remark = comment.strip_prefix(START)?;
        // what is printed of it cannot steer a terminal
        remark.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ').then_some(())?;
        if remark == MASKED {
            return Some(Self::Masked);
        }
        let (kind, what) = remark.split_once(' ')?;
        match kind {
            "port" => what.parse().ok().map(Self::Port),
            "problem" => Some(Self::Problem(what.to_owned())),
            "passed" => Some(Self::Passed(what.to_owned())),
            _ => None,
        }
    }
}

const MASKED: &str = "masked, these bytes are no packet";

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(START)?;
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Masked => f.write_str(MASKED),
            Self::Problem(what) => write!(f, "problem {what}"),
            Self::Passed(what) => write!(f, "passed {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_read_as_they_were_written() {
        let remarks = [
            Remark::Port(9119),
            Remark::Masked,
            Remark::Problem("at byte 9: a packet starts with 02, not 47".into()),
            Remark::Passed("at byte 22: 13 bytes before this belong to no whole packet".into()),
        ];
        for remark in remarks {
            assert_eq!(Remark::parse(&remark.to_string()), Some(remark));
        }
    }

    #[test]
    fn other_comments_are_not_read() {
        for comment in ["", "port 9119", "mig33 tap: port x", "mig33 tap: problem a\x1b[2J"] {
            assert_eq!(Remark::parse(comment), None, "{comment:?}");
        }
    }
}
