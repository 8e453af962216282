//! Named values of fields: newtypes over the integer, so that a value without a name is kept.
use core::fmt;

use crate::field::Field;
use crate::frame::BlockSlice;
use crate::{FieldKind, FieldProblem, Output, ValueSet};

macro_rules! values {
    ($( $(#[$doc:meta])* $name:ident: $repr:ident { $($(#[$entry_doc:meta])* $entry:ident = $number:literal),+ $(,)? } )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(pub $repr);

            impl $name {
                $(
                    $(#[$entry_doc])*
                    #[doc = concat!("The value ", $number, ".")]
                    pub const $entry: Self = Self($number);
                )+

                /// The value's name, if it has one.
                #[must_use]
                pub const fn name(self) -> Option<&'static str> {
                    match self {
                        $(Self::$entry => Some(stringify!($entry)),)+
                        _ => None,
                    }
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    match self.name() {
                        Some(name) => f.write_str(name),
                        None => write!(f, "{}({})", stringify!($name), self.0),
                    }
                }
            }

            impl From<$repr> for $name {
                fn from(value: $repr) -> Self {
                    Self(value)
                }
            }

            impl Field for $name {
                const KIND: FieldKind = <$repr as Field>::KIND;
                const VALUES: Option<&'static str> = Some(stringify!($name));
                const WIDTH: usize = <$repr as Field>::WIDTH;

                fn read(block: &BlockSlice<'_>, field: &mut Option<Self>) -> Result<(), FieldProblem> {
                    let mut number = None;
                    <$repr as Field>::read(block, &mut number)?;
                    *field = number.map(Self);
                    Ok(())
                }

                fn len(&self) -> usize {
                    Self::WIDTH
                }

                fn write_block<O: Output>(&self, id: u16, out: &mut O) {
                    self.0.write_block(id, out);
                }
            }
        )+

        pub(crate) const SETS: &[ValueSet] = &[
            $(ValueSet { name: stringify!($name), entries: &[$((stringify!($entry), $number)),+] },)+
        ];
    };
}

values! {
    /// What others see of somebody.
    Presence: u8 { AVAILABLE = 1, ROAMING = 2, BUSY = 3, AWAY = 4, OFFLINE = 99 }
    /// Which service a message belongs to.
    MessageType: u8 {
        MIG33 = 1, SMS = 2, EMAIL = 3, MSN = 4, AIM = 5, YAHOO = 6, FACEBOOK = 7, GTALK = 8, OFFLINE_MESSAGE = 9,
        SERVER_INFO = 98,
    }
    /// What kind of chat a message goes to.
    ChatDestination: u8 { PRIVATE = 1, GROUP_CHAT = 2, CHATROOM = 3, DISTRIBUTION_LIST = 4 }
    /// What the content of a message is.
    ContentType: u16 { TEXT = 1, IMAGE = 2, AUDIO = 3, VIDEO = 4, EXISTING_FILE = 5, EMOTE = 6 }
    /// What happened to a message.
    StatusEvent: u8 { COMPOSING = 1, RECEIVED = 2, READ = 3 }
    /// What somebody did in a room.
    ChatUserStatus: u8 { JOINED = 1, LEFT = 2 }
    /// What somebody is in a room.
    ParticipantType: u8 { NORMAL = 0, ADMINISTRATOR = 1, MUTED = 2 }
    /// What an uploaded file is.
    FileType: u16 { IMAGE = 1, AUDIO = 2, VIDEO = 3 }
    /// What somebody may do to somebody.
    Permission: u8 { ALLOW = 1, BLOCK = 2 }
    /// What kind of account it is.
    UserType: u8 { STANDARD = 1, MERCHANT = 2, TOP_MERCHANT = 3, PREPAID_CARD = 4 }
    /// What an alert's content is.
    AlertContentType: u8 { TEXT = 1, URL = 2, URL_WITH_CONFIRMATION = 3 }
    /// What program a client is.
    ClientType: u8 {
        MIDP1 = 1, MIDP2 = 2, DESKTOP = 3, SYMBIAN = 4, AJAX1 = 5, TOOLBAR = 6, WINDOWS_MOBILE = 7, ANDROID = 8,
        WAP = 9, MIGBO = 10, VAS = 11, MERCHANT_CENTER = 12, BLACKBERRY = 13, BLAAST = 14, MRE = 15, AJAX2 = 16,
        IOS = 17,
    }
    /// What mode a client's device is in.
    DeviceMode: u32 { AWAKE = 0, SLEEP = 1 }
    /// Whether there is an account of another network, and a connection to that.
    ImDetail: u8 { UNREGISTERED = 0, DISCONNECTED = 1, CONNECTED = 2 }
    /// How sound is coded in a call.
    VoipCodec: u8 { ULAW = 1, ALAW = 2, GSM = 3, G729 = 4 }
    /// Why a request was refused.
    ErrorCode: u16 {
        UNDEFINED = 1, CHAT_SYNC_ENTITY_NOT_FOUND = 2, INCORRECT_CREDENTIAL = 3, INVALID_VERSION = 100,
        UNSUPPORTED_PROTOCOL = 101,
    }
}
