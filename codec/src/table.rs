//! `packets!`: the table of packets becomes structs, their reading and writing, names and the catalogue.

/// One row a packet, as spec/packets.toml has it:
///
/// ```text
/// /// What it is for.
/// 200 LOGIN Login c "LOGIN_1" {
///     5 username: Text,
///     9 initial_presence: Presence,
/// }
/// ```
///
/// Command, name in the catalogue, name of the struct, who sends it (`c` client, `s` server, `b` both), the name in the
/// protocol article where it has one; then the fields by ascending id. `U8Array as StatusEvent` names the values of an
/// array's entries. Passwords, proofs and tokens are `Secret<…>`.
macro_rules! packets {
    ($(
        $(#[doc = $doc:literal])+
        $command:literal $const:ident $name:ident $direction:ident $($seed:literal)? {
            $($id:literal $field:ident: $ty:ty $(as $values:ident)?),* $(,)?
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            #[doc = ""]
            #[doc = concat!("`", stringify!($const), "` (", $command, ")" $(, ", `", $seed, "` in the protocol article")?, ".")]
            #[derive(Clone, Debug, Default, PartialEq, Eq)]
            pub struct $name {
                $(
                    #[doc = concat!("Block ", $id, ".")]
                    pub $field: Option<$ty>,
                )*
                /// Blocks that this kind of packet is not known to have.
                pub extra: Extra,
            }

            impl Decode for $name {
                const COMMAND: Command = Command($command);

                fn decode(frame: &Frame) -> Result<Self, DecodeError> {
                    let mut packet = Self::default();
                    read_blocks(frame, Self::COMMAND, &mut packet)?;
                    Result::Ok(packet)
                }
            }

            impl Fields for $name {
                fn take(
                    &mut self,
                    block: &BlockSlice<'_>,
                ) -> Result<(), FieldProblem> {
                    match block.id {
                        $($id => {
                            read_field(&mut self.$field, block, &mut self.extra)
                        })*
                        _ => {
                            self.extra.keep(block);
                            Result::Ok(())
                        }
                    }
                }
            }

            impl Encode for $name {
                fn command(&self) -> Command {
                    Self::COMMAND
                }

                fn params_len(&self) -> usize {
                    if !self.extra.is_none() {
                        return written_len(self);
                    }
                    0 $(+ field_len(self.$field.as_ref()))*
                }

                fn write_params(&self, out: &mut BytesMut) {
                    self.write_params_to(out);
                }

                fn write_params_to<O: Output>(&self, out: &mut O) {
                    let start = out.copied_len();
                    $(
                        if let Some(value) = &self.$field {
                            value.write_block($id, out);
                        }
                    )*
                    if !self.extra.is_none() {
                        self.extra.merge(start, out);
                    }
                }
            }

            impl From<$name> for Packet {
                fn from(packet: $name) -> Self {
                    Self::$name(packet)
                }
            }
        )+

        /// Any packet: one of those in the catalogue, or a frame whose command is in no catalogue.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Packet {
            $(
                #[doc = concat!("[`struct@", stringify!($name), "`]")]
                $name($name),
            )+
            /// A command that is in no catalogue, byte for byte.
            Other(Frame),
        }

        impl Packet {
            /// Reads a frame as the kind of packet that its command says.
            ///
            /// # Errors
            /// [`DecodeError`] when a block's content does not fit its type.
            pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
                let mut packet = match frame.command.0 {
                    $($command => Self::$name($name::default()),)+
                    _ => return Result::Ok(Self::Other(frame.clone())),
                };
                if let Some(fields) = packet.as_fields() {
                    read_blocks(frame, frame.command, fields)?;
                }
                Result::Ok(packet)
            }

            fn as_fields(&mut self) -> Option<&mut dyn Fields> {
                match self {
                    $(Self::$name(packet) => Some(packet),)+
                    Self::Other(_) => None,
                }
            }

            fn write_params_of_kind<O: Output>(&self, out: &mut O) {
                match self {
                    $(Self::$name(packet) => packet.write_params_to(out),)+
                    Self::Other(frame) => frame.write_params_to(out),
                }
            }

            fn as_encode(&self) -> &dyn Encode {
                match self {
                    $(Self::$name(packet) => packet,)+
                    Self::Other(frame) => frame,
                }
            }
        }

        impl Command {
            $(
                #[doc = concat!("[`struct@crate::packets::", stringify!($name), "`]")]
                pub const $const: Self = Self($command);
            )+
        }

        /// Commands and names alone, for who shows no more than those.
        pub(crate) const NAMES: &[(u16, &str)] = &[$(($command, stringify!($const))),+];

        pub(crate) const TABLE: &[PacketInfo] = &[$(
            PacketInfo {
                command: Command($command),
                name: stringify!($const),
                seed: packets!(@seed $($seed)?),
                about: concat!($($doc),+).trim_ascii(),
                direction: packets!(@direction $direction),
                fields: &[$(
                    FieldInfo {
                        id: $id,
                        name: stringify!($field),
                        kind: <$ty as Field>::KIND,
                        values: packets!(@values $ty $(, $values)?),
                        secret: <$ty as Field>::SECRET,
                    },
                )*],
            },
        )+];
    };
    (@seed) => { None };
    (@seed $seed:literal) => { Some($seed) };
    (@direction c) => { Direction::ClientToServer };
    (@direction s) => { Direction::ServerToClient };
    (@direction b) => { Direction::Both };
    (@values $ty:ty) => { <$ty as Field>::VALUES };
    (@values $ty:ty, $values:ident) => { <$values as Field>::VALUES };
}

pub(crate) use packets;
