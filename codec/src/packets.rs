//! The packets of the chat service: one table, a row a packet, held against spec/packets.toml by a test.
use bytes::{Bytes, BytesMut};

use crate::field::Field;
use crate::frame::BlockSlice;
use crate::packet::{
    Decode, Encode, Extra, Fields, encode, encode_into, field_len, read_blocks, read_field,
    written_len,
};
use crate::table::packets;
use crate::values::{self, StatusEvent};
use crate::{
    Command, DecodeError, Direction, EncodeError, FieldInfo, FieldProblem, Frame, List, Output,
    PacketInfo, Secret, StringArray, Text, U8Array, U64Array,
};

packets! {
    /// A request was refused, or something went wrong; the transaction says which request (spec/wire.md section 1).
    0 ERROR Error s "ERROR_MESSAGE" {
        1 code: values::ErrorCode,
        2 description: Text,
    }

    /// A request was done. For a message: its guid and its time (spec/wire.md section 4).
    1 OK Ok s "REGISTER_OK" {
        1 text: Text,
        2 value: u64,
        1008 previous_message_guid: Text,
    }

    /// The client is still there: every 60 s, no blocks (spec/wire.md section 3).
    2 PING Ping c "KEEP_ALIVE" {}

    /// The answer to a keep-alive.
    3 PONG Pong s "KEEP_ALIVE_RESP" {}

    /// A text that the server wants to be seen at once.
    5 ALERT Alert s {
        1 alert_type: u16,
        2 content: Text,
        3 content_type: values::AlertContentType,
        4 title: Text,
        5 timeout: u16,
    }

    /// Something that a handset keeps: a setting, a cookie, a token of the device.
    11 MIDLET_PROPERTY MidletProperty c {
        1 property_type: u8,
        2 key: Text,
        3 value: Secret<Text>,
    }

    /// A notice with an address to open.
    14 NOTIFICATION Notification s {
        1 text: Text,
        2 url: Text,
        3 notification_type: u32,
        4 pending_notifications_total: u32,
    }

    /// A picture of letters to be typed in.
    16 CAPTCHA Captcha s {
        1 display_text: Text,
        2 captcha_image: Bytes,
    }

    /// What was typed in for a [`Captcha`].
    17 CAPTCHA_RESPONSE CaptchaResponse c {
        1 captcha_response: Text,
    }

    /// Makes an account (spec/wire.md section 3).
    100 NEW_REGISTRATION NewRegistration c "REGISTER" {
        1 service_type: u8,
        2 username: Text,
        3 password: Secret<Text>,
        4 mobile_phone: Text,
        5 display_name: Text,
        6 first_name: Text,
        7 last_name: Text,
        8 date_of_birth: Text,
        9 email_address: Text,
        10 startup_card_number: Secret<u32>,
        11 startup_card_pin: Secret<u32>,
        12 group_id: u32,
        13 user_agent: Text,
        14 mobile_device: Text,
        15 imei: Text,
    }

    /// The first step of a later client's registration.
    101 REGISTRATION Registration c {
        1 screen_width: u32,
        2 screen_height: u32,
        3 client_type: values::ClientType,
    }

    /// The picture of letters of a later client's registration.
    102 REGISTRATION_CHALLENGE RegistrationChallenge s {
        1 idd_code: Text,
        2 captcha_id: Text,
        3 captcha_image: Bytes,
    }

    /// The second step of a later client's registration.
    103 REGISTRATION_RESPONSE RegistrationResponse c {
        1 username: Text,
        2 password: Secret<Text>,
        3 mobile_phone: Text,
        4 captcha_id: Text,
        5 captcha_response: Text,
        6 group_id: u32,
        8 date_of_birth: Text,
        9 user_agent: Text,
        10 mobile_device: Text,
        11 imei: Text,
    }

    /// A later client's registration was refused.
    104 REGISTRATION_ERROR RegistrationError s {
        1 description: Text,
        2 captcha_id: Text,
        3 captcha_image: Bytes,
    }

    /// The first step of a log-in: who it is (spec/wire.md section 3).
    200 LOGIN Login c "LOGIN_1" {
        1 protocol_version: u16,
        2 client_type: values::ClientType,
        3 client_version: u16,
        4 service_type: u8,
        5 username: Text,
        6 email_address: Text,
        7 user_agent: Text,
        8 device_name: Text,
        9 initial_presence: values::Presence,
        10 is_voice_capable: bool,
        11 font_height: u32,
        12 screen_width: u32,
        13 screen_height: u32,
        14 wallpaper_id: u32,
        15 language: Text,
        16 theme_id: u32,
        17 cell_id: Text,
        18 session_id: Text,
        19 stream_user_events: bool,
        20 local_area_code: Text,
        21 mobile_network_code: Text,
        22 mobile_country_code: Text,
        23 application_menu_version: u32,
        24 vas_tracking_id: Text,
        25 virtual_gift_pixel_size: u32,
        26 sticker_pixel_size: u32,
        1001 resume_token: Secret<Bytes>,
        1002 features: List<';'>,
    }

    /// What the proof has to be made over.
    201 LOGIN_CHALLENGE LoginChallenge s "LOGIN_CHAL" {
        1 challenge: Text,
        2 session_id: Text,
    }

    /// The proof that the client knows the password.
    202 LOGIN_RESPONSE LoginResponse c "LOGIN_RESP" {
        1 password_hash: Secret<u32>,
    }

    /// Logged in; with the message of the day in `alert`.
    203 LOGIN_OK LoginOk s "LOGIN_OK / MOTD" {
        1 mobile_phone: Text,
        2 mobile_verified: bool,
        3 alert: Text,
        4 alert_content_type: values::AlertContentType,
        5 asterisk_servers: Text,
        6 msn_detail: values::ImDetail,
        7 aim_detail: values::ImDetail,
        8 yahoo_detail: values::ImDetail,
        9 asterisk_id: u32,
        10 asterisk_server: Text,
        11 currency: Text,
        12 exchange_rate: Text,
        13 mail_url: Text,
        14 mail_count: u32,
        15 voip_codec: values::VoipCodec,
        16 emoticon_height: u32,
        17 gtalk_detail: values::ImDetail,
        18 local_did_support: bool,
        20 contact_list_version: u32,
        23 image_server_url: Text,
        24 user_events_to_keep: u32,
        25 anonymous_calling: bool,
        26 pagelet_url: Text,
        27 user_type: values::UserType,
        28 badge_hotkey: Text,
        29 send_connection_report: bool,
        30 facebook_detail: values::ImDetail,
        31 reputation_level: u16,
        32 reputation_image_path: Text,
        33 tcp_tunneling: bool,
        34 presence: values::Presence,
        38 user_id: u32,
        39 username: Text,
        40 supports_chat_sync: bool,
        41 virtual_gift_size: u32,
        42 supports_stickers: bool,
        43 server_time: u64,
        1001 resume_token: Secret<Bytes>,
        1002 features: List<';'>,
    }

    /// A log-in without a session (spec/wire.md section 8).
    209 SLIM_LOGIN SlimLogin c {
        1 password_hash: Secret<u32>,
        2 client_type: values::ClientType,
        3 client_version: u16,
        4 service_type: u8,
        5 username: Text,
        6 password: Secret<Text>,
        7 initial_presence: values::Presence,
        8 user_agent: Text,
        9 device_name: Text,
        10 protocol_version: u16,
    }

    /// Logged in without a session.
    210 SLIM_LOGIN_OK SlimLoginOk s {
        1 session_id: Secret<Text>,
    }

    /// A session for a log-in that had none.
    211 CREATE_SESSION CreateSession c {
        1 protocol_version: u16,
        2 client_type: values::ClientType,
        3 session_id: Secret<Text>,
        4 stream_user_events: bool,
        5 client_version: u16,
        6 user_agent: Text,
        7 device_name: Text,
        8 initial_presence: values::Presence,
        9 is_voice_capable: bool,
        10 font_height: u32,
        11 screen_width: u32,
        12 screen_height: u32,
        13 wallpaper_id: u32,
        14 theme_id: u32,
        15 language: Text,
        16 application_menu_version: u32,
        17 vas_tracking_id: Text,
        18 virtual_gift_pixel_size: u32,
        19 sticker_pixel_size: u32,
    }

    /// What the proof of a [`SlimLogin`] has to be made over.
    212 SLIM_LOGIN_CHALLENGE SlimLoginChallenge s {
        1 session_id: Secret<Text>,
        2 challenge: Text,
    }

    /// The client leaves.
    300 LOGOUT Logout c {}

    /// The server ends the session: `kicked`, `taken over` or `shutdown`.
    301 SESSION_TERMINATED SessionTerminated s {
        1 reason: Text,
    }

    /// Asks for the contact list.
    400 GET_CONTACTS GetContacts c "GET_CLIST" {
        1 presence: values::Presence,
        2 contact_id: u32,
    }

    /// One group of contacts.
    401 GROUP Group s "CLIST_GROUPS" {
        1 group_id: u32,
        2 group_name: Text,
    }

    /// One contact.
    402 CONTACT Contact s "CLIST_BUDDIES" {
        1 contact_id: u32,
        2 group_id: u32,
        3 display_name: Text,
        4 first_name: Text,
        5 last_name: Text,
        6 email_address: Text,
        7 default_phone: u8,
        8 mobile_phone_number: Text,
        9 home_phone_number: Text,
        10 office_phone_number: Text,
        11 default_im: u8,
        12 username: Text,
        13 presence: values::Presence,
        14 msn_username: Text,
        15 msn_presence: values::Presence,
        16 aim_username: Text,
        17 aim_presence: values::Presence,
        18 yahoo_username: Text,
        19 yahoo_presence: values::Presence,
        20 icq_username: Text,
        21 icq_presence: values::Presence,
        22 gtalk_username: Text,
        23 gtalk_presence: values::Presence,
        24 share_mobile_phone: bool,
        25 is_voice_capable: bool,
        27 status_message: Text,
        28 display_picture_guid: Text,
        29 facebook_username: Text,
        30 facebook_presence: values::Presence,
        31 im_type_list: U8Array,
        32 im_presence_list: U8Array,
        33 im_username_list: StringArray,
        1007 pending: bool,
    }

    /// The contact list is complete.
    403 GET_CONTACTS_COMPLETE GetContactsComplete s "CLIST_TERMINATOR" {}

    /// A contact's presence has changed.
    404 PRESENCE Presence s "CLIST_STATUS_CHANGE" {
        1 contact_id: u32,
        2 presence: values::Presence,
        3 msn_presence: values::Presence,
        4 aim_presence: values::Presence,
        5 yahoo_presence: values::Presence,
        6 icq_presence: values::Presence,
        7 gtalk_presence: values::Presence,
        8 facebook_presence: values::Presence,
        9 im_type_list: U8Array,
        10 im_presence_list: U8Array,
    }

    /// Asks somebody to become a contact (spec/wire.md section 5).
    405 ADD_CONTACT AddContact c {
        2 group_id: u32,
        3 display_name: Text,
        4 first_name: Text,
        5 last_name: Text,
        6 email_address: Text,
        7 default_phone: u8,
        8 mobile_phone: Text,
        9 home_phone: Text,
        10 office_phone: Text,
        11 default_im: u8,
        12 username: Text,
        14 msn_username: Text,
        16 aim_username: Text,
        18 yahoo_username: Text,
        20 icq_username: Text,
        22 gtalk_username: Text,
        24 share_mobile_phone: u8,
        29 facebook_username: Text,
        30 im_username: Text,
        31 im_type: u8,
    }

    /// Ends a contact on both sides.
    406 REMOVE_CONTACT RemoveContact c {
        1 contact_id: u32,
    }

    /// Changes what one keeps of a contact.
    407 UPDATE_CONTACT UpdateContact c {
        1 contact_id: u32,
        2 group_id: u32,
        3 display_name: Text,
        4 first_name: Text,
        5 last_name: Text,
        6 email_address: Text,
        7 default_phone: u8,
        8 mobile_phone: Text,
        9 home_phone: Text,
        10 office_phone: Text,
        11 default_im: u8,
        12 username: Text,
        14 msn_username: Text,
        16 aim_username: Text,
        18 yahoo_username: Text,
        20 icq_username: Text,
        22 gtalk_username: Text,
        29 facebook_username: Text,
        30 im_usernames: StringArray,
        31 im_types: U8Array,
    }

    /// Makes a group of contacts.
    408 ADD_GROUP AddGroup c {
        2 group_name: Text,
    }

    /// Removes a group of contacts.
    409 REMOVE_GROUP RemoveGroup c {
        1 group_id: u32,
    }

    /// Renames a group of contacts.
    410 UPDATE_GROUP UpdateGroup c {
        1 group_id: u32,
        2 group_name: Text,
    }

    /// Moves a contact to another group.
    411 MOVE_CONTACT MoveContact c {
        1 contact_id: u32,
        2 group_id: u32,
    }

    /// Somebody wants to become a contact.
    412 CONTACT_REQUEST ContactRequest s {
        1 username: Text,
        2 profile_url: Text,
    }

    /// Accepts a contact request.
    413 ACCEPT_CONTACT_REQUEST AcceptContactRequest c {
        1 contact_username: Text,
        2 add_contact: bool,
        3 group_id: u32,
        4 share_mobile_phone: bool,
    }

    /// Rejects a contact request.
    414 REJECT_CONTACT_REQUEST RejectContactRequest c {
        1 username: Text,
        2 block_user: u8,
    }

    /// Asks who is allowed and who is blocked.
    415 GET_PERMISSION_LIST GetPermissionList c {
        1 list_type: u8,
    }

    /// Who is allowed and who is blocked.
    416 PERMISSION_LIST PermissionList s {
        1 allow_list: Text,
        2 block_list: Text,
    }

    /// Allows or blocks somebody.
    417 SET_PERMISSION SetPermission c {
        1 username: Text,
        2 permission: values::Permission,
    }

    /// The contact list that the client keeps.
    419 HAVE_LATEST_CONTACT_LIST HaveLatestContactList c {
        1 timestamp: u64,
    }

    /// The contact list that the server has.
    420 CONTACT_LIST_VERSION ContactListVersion s {
        1 version: u32,
        2 timestamp: u64,
    }

    /// A contact's status message has changed.
    421 STATUS_MESSAGE StatusMessage s {
        1 contact_id: u32,
        2 status_message: Text,
        3 timestamp: u64,
    }

    /// A contact's display picture has changed.
    423 DISPLAY_PICTURE DisplayPicture s {
        1 contact_id: u32,
        2 display_picture_guid: Text,
        3 timestamp: u64,
    }

    /// Asks for details of the account when a client starts.
    424 GET_USER_INIT_DETAILS GetUserInitDetails c {}

    /// Asks for the contact requests that wait for an answer.
    425 GET_CONTACT_REQUESTS GetContactRequests c {}

    /// A chat message, in both directions (spec/wire.md section 4).
    500 MESSAGE Message b "SEND_MSG / RECV_MSG" {
        1 message_type: values::MessageType,
        2 source: Text,
        3 destination_type: values::ChatDestination,
        4 destination: Text,
        5 contact_id: u32,
        6 content_type: values::ContentType,
        7 file_name: Text,
        8 content: Bytes,
        9 from_administrator: u8,
        10 display_picture: Text,
        11 hotkeys: Text,
        12 source_color: u32,
        13 message_color: u32,
        14 badge_hotkey: Text,
        15 guid: Text,
        16 timestamp: u64,
        17 group_chat_name: Text,
        18 group_chat_owner: Text,
        19 previous_message_guid: Text,
        20 emote_content_type: u8,
        21 mime_type: Text,
        22 mime_type_data: Text,
        23 status: StatusEvent,
    }

    /// Something arrived that is no chat message.
    502 FILE_RECEIVED FileReceived s "RECV_SYS_MSG" {
        1 source_type: u8,
        2 source: Text,
        3 contact_id: u32,
        4 text: Text,
        5 url: Text,
    }

    /// A file in one packet.
    504 UPLOAD_FILE UploadFile c {
        1 file_type: values::FileType,
        2 file_content: Bytes,
        3 description: Text,
        4 destination: Text,
        5 use_as_display_picture: bool,
    }

    /// Something happened to a message: it is being typed, was received, was read.
    505 MESSAGE_STATUS_EVENT MessageStatusEvent b {
        1 message_type: values::MessageType,
        2 message_source: Text,
        3 message_destination_type: values::ChatDestination,
        4 message_destination: Text,
        5 message_guid: Text,
        6 message_event_type: values::StatusEvent,
        7 server_generated: u8,
        8 message_timestamp: u64,
    }

    /// [`MessageStatusEvent`] for many messages, as parallel arrays.
    506 MESSAGE_STATUS_EVENTS MessageStatusEvents s {
        1 message_type: values::MessageType,
        2 message_sources: StringArray,
        3 message_destination_type: values::ChatDestination,
        4 message_destinations: StringArray,
        5 message_guids: StringArray,
        6 message_event_types: U8Array as StatusEvent,
        7 server_generated_flags: U8Array,
        8 message_timestamps: U64Array,
    }

    /// The client has closed a private chat.
    507 LEAVE_PRIVATE_CHAT LeavePrivateChat c {
        1 chat_id: Text,
        2 im_type: u8,
    }

    /// Asks for the messages of a chat between two times (spec/wire.md section 7).
    550 GET_MESSAGES GetMessages c {
        1 chat_id: Text,
        2 chat_type: values::ChatDestination,
        3 latest_timestamp: u64,
        4 oldest_timestamp: u64,
        5 limit: u32,
        1006 forward: bool,
    }

    /// Asks for the list of chats.
    551 GET_CHATS GetChats c {
        1 version: u32,
        2 limit: u32,
        3 chat_type: values::ChatDestination,
    }

    /// The list of chats that the client keeps.
    552 HAVE_LATEST_CHAT_LIST HaveLatestChatList c {
        1 version: u32,
        2 timestamp: u64,
    }

    /// One chat.
    560 CHAT Chat s {
        1 chat_id: Text,
        2 chat_display_name: Text,
        3 chat_type: values::ChatDestination,
        4 unread_message_count: u32,
        5 contact_id: u32,
        6 group_owner: Text,
        7 is_closed_chat: u8,
        8 display_guid: Text,
        9 message_type: values::MessageType,
        10 timestamp: u64,
        11 chat_list_version: u32,
        12 chat_list_timestamp: u64,
        13 is_renamed_chat: u8,
        14 is_passivated_chat: u8,
        1005 read_at: u64,
    }

    /// The list of chats is complete.
    561 CHAT_LIST_VERSION ChatListVersion s {
        1 version: u32,
        2 timestamp: u64,
    }

    /// The messages are complete.
    562 END_MESSAGES EndMessages s {
        1 chat_id: Text,
        2 first_message_guid: Text,
        3 final_message_guid: Text,
        4 messages_sent: u32,
    }

    /// The last message of each chat, as parallel arrays.
    563 LATEST_MESSAGES_DIGEST LatestMessagesDigest s {
        1 chat_ids: StringArray,
        2 guids: StringArray,
        3 timestamps: StringArray,
        4 chat_types: U8Array,
        5 message_contents: StringArray,
    }

    /// Renames a chat.
    564 SET_CHAT_NAME SetChatName c {
        1 chat_id: Text,
        2 destination_type: values::ChatDestination,
        3 chat_name: Text,
    }

    /// Asks what happened to messages.
    565 GET_MESSAGE_STATUS_EVENTS GetMessageStatusEvents c {
        6 message_guids: StringArray,
        7 message_timestamps: U64Array,
    }

    /// Sets one's own presence.
    600 SET_PRESENCE SetPresence c {
        1 presence: values::Presence,
    }

    /// Sets one's own status message.
    601 SET_STATUS_MESSAGE SetStatusMessage c {
        1 status_message: Text,
    }

    /// Sets one's own display picture.
    602 SET_DISPLAY_PICTURE SetDisplayPicture c {
        1 display_picture_guid: Text,
    }

    /// One's own status message and pictures.
    603 AVATAR Avatar s {
        1 status_message: Text,
        2 display_picture_guid: Text,
        3 badge_hotkey: Text,
        4 avatar_picture_guid: Text,
        5 fullbody_avatar_picture_guid: Text,
    }

    /// What mode the client's device is in.
    604 DEVICE_MODE DeviceMode c {
        1 device_mode: values::DeviceMode,
    }

    /// Asks for rooms (spec/wire.md section 6).
    700 GET_CHATROOMS GetChatrooms c {
        1 search_string: Text,
        2 page: u8,
        3 chatroom_name_list: List<';'>,
    }

    /// One room.
    701 CHATROOM Chatroom s {
        1 chatroom_name: Text,
        2 description: Text,
        3 max_participants: u32,
        4 participants: u32,
        5 adult_only: bool,
        6 category_id: u16,
        7 user_owned: bool,
        8 group_id: u32,
        9 chatroom_id: u32,
        10 creator_name: Text,
        11 theme_id: u32,
        12 new_owner_name: Text,
        13 icon_url: Text,
    }

    /// The page of rooms is complete.
    702 GET_CHATROOMS_COMPLETE GetChatroomsComplete s {
        1 number_of_pages: u8,
        2 info_text: Text,
    }

    /// Enters a room.
    703 JOIN_CHATROOM JoinChatroom c {
        1 chatroom_name: Text,
        2 retrieve_pinned: bool,
    }

    /// Leaves a room.
    704 LEAVE_CHATROOM LeaveChatroom c {
        1 chatroom_name: Text,
    }

    /// Makes a room.
    705 CREATE_CHATROOM CreateChatroom c {
        1 chatroom_name: Text,
        2 description: Text,
        3 keywords: Text,
        4 language: Text,
        5 allow_kicking: bool,
    }

    /// Puts somebody out of a room.
    706 KICK_CHATROOM_PARTICIPANT KickChatroomParticipant c {
        1 chatroom_name: Text,
        2 username: Text,
    }

    /// Asks who is in a room.
    707 GET_CHATROOM_PARTICIPANTS GetChatroomParticipants c {
        1 chatroom_name: Text,
    }

    /// Who is in a room.
    708 CHATROOM_PARTICIPANTS ChatroomParticipants s {
        1 chatroom_name: Text,
        2 participant_list: List<';'>,
        3 administrator_list: List<';'>,
        4 muted_list: List<';'>,
    }

    /// Takes somebody's voice in a room.
    709 MUTE_CHATROOM_PARTICIPANT MuteChatroomParticipant c {
        1 chatroom_name: Text,
        2 username: Text,
    }

    /// Gives somebody's voice in a room back.
    710 UNMUTE_CHATROOM_PARTICIPANT UnmuteChatroomParticipant c {
        1 chatroom_name: Text,
        2 username: Text,
    }

    /// Makes a room a favourite.
    711 ADD_FAVORITE_CHATROOM AddFavoriteChatroom c {
        1 chatroom_name: Text,
    }

    /// Makes a room no favourite.
    712 REMOVE_FAVORITE_CHATROOM RemoveFavoriteChatroom c {
        1 category_id: u16,
        2 chatroom_name: Text,
    }

    /// Asks for the categories of rooms.
    713 GET_CHATROOM_CATEGORIES GetChatroomCategories c {}

    /// One category of rooms.
    714 CHATROOM_CATEGORY ChatroomCategory s {
        1 category_id: u16,
        2 category_name: Text,
        3 refresh_method: u8,
        4 collapsed: bool,
        5 items_can_be_deleted: bool,
    }

    /// The categories of rooms are complete.
    715 GET_CHATROOM_CATEGORIES_COMPLETE GetChatroomCategoriesComplete s {}

    /// Asks for the rooms of a category.
    716 GET_CATEGORIZED_CHATROOMS GetCategorizedChatrooms c {
        1 chatroom_category_id: u16,
        2 do_refresh: bool,
    }

    /// The rooms of a category are complete.
    717 GET_CATEGORIZED_CHATROOMS_COMPLETE GetCategorizedChatroomsComplete s {
        1 category_footer_text: Text,
    }

    /// A notice in a room.
    718 CHATROOM_NOTIFICATION ChatroomNotification s {
        1 text: Text,
        2 url: Text,
    }

    /// The colours of a room.
    719 CHATROOM_THEME ChatroomTheme s {
        1 theme_id: u32,
        2 background_color: u32,
        3 background_img_url: Text,
        4 background_img_alignment: u32,
        5 sender_username_color: u32,
        6 sender_msg_color: u32,
        7 recipient_username_color: u32,
        8 recipient_msg_color: u32,
        9 admin_username_color: u32,
        10 admin_msg_color: u32,
        11 emote_msg_color: u32,
        12 error_msg_color: u32,
        13 server_username_color: u32,
        14 server_msg_color: u32,
        15 client_msg_color: u32,
    }

    /// Somebody came into a room, or left it.
    720 CHATROOM_USER_STATUS ChatroomUserStatus s {
        1 status: values::ChatUserStatus,
        2 chatroom_name: Text,
        3 username: Text,
        4 participant_type: values::ParticipantType,
    }

    /// One group chat.
    750 GROUP_CHAT GroupChat s {
        1 group_chat_id: Text,
        2 creator: Text,
        3 im_type: u8,
    }

    /// Makes a group chat.
    751 CREATE_GROUP_CHAT CreateGroupChat c {
        1 username: Text,
        2 invited_username: Text,
        3 im_type: u8,
        4 invited_username_list: StringArray,
    }

    /// Invites somebody to a group chat.
    752 GROUP_CHAT_INVITE GroupChatInvite b {
        1 group_chat_id: Text,
        2 username: Text,
        3 im_type: u8,
        4 usernames: Text,
    }

    /// Leaves a group chat.
    753 LEAVE_GROUP_CHAT LeaveGroupChat c {
        1 group_chat_id: Text,
        2 im_type: u8,
    }

    /// Asks who is in a group chat.
    754 GET_GROUP_CHAT_PARTICIPANTS GetGroupChatParticipants c {
        1 group_chat_id: Text,
        2 im_type: u8,
    }

    /// Who is in a group chat.
    755 GROUP_CHAT_PARTICIPANTS GroupChatParticipants s {
        1 group_chat_id: Text,
        2 participant_list: List<';'>,
        4 muted_list: List<';'>,
        5 im_type: u8,
    }

    /// Somebody came into a group chat, or left it.
    756 GROUP_CHAT_USER_STATUS GroupChatUserStatus s {
        1 status: values::ChatUserStatus,
        2 group_chat_id: Text,
        3 username: Text,
        4 participant_type: values::ParticipantType,
    }

    /// What credit the account has.
    902 ACCOUNT_BALANCE AccountBalance s {
        1 balance: Text,
    }

    /// Asks for one's own profile.
    905 GET_USER_PROFILE GetUserProfile c {}

    /// One's own profile.
    906 USER_PROFILE UserProfile s {
        1 display_name: Text,
        2 first_name: Text,
        3 last_name: Text,
        4 city: Text,
        5 state: Text,
        6 country_id: u32,
        7 utc_offset: u8,
        8 date_of_birth: u64,
        9 gender: u8,
        10 email_address: Text,
        11 on_mailing_list: u8,
        12 mobile_phone: Text,
        13 away_message: Text,
        14 auto_recharge: u8,
        15 msn_username: Text,
        16 msn_password: Secret<Text>,
        17 msn_auto_login: u8,
        18 yahoo_username: Text,
        19 yahoo_password: Secret<Text>,
        20 yahoo_auto_login: u8,
        21 aim_username: Text,
        22 aim_password: Secret<Text>,
        23 aim_auto_login: u8,
        24 gtalk_username: Text,
        25 gtalk_password: Secret<Text>,
        26 gtalk_auto_login: u8,
        27 facebook_username: Text,
        28 facebook_password: Secret<Text>,
        29 facebook_auto_login: u8,
    }

    /// Changes one's own profile.
    907 UPDATE_USER_PROFILE UpdateUserProfile c {
        1 display_name: Text,
        2 first_name: Text,
        3 last_name: Text,
        4 city: Text,
        5 state: Text,
        6 country_id: u32,
        7 utc_offset: u8,
        8 date_of_birth: u64,
        9 gender: u8,
        10 email_address: Text,
        11 on_mailing_list: u8,
        12 mobile_phone: Text,
        13 away_message: Text,
        14 auto_recharge: u8,
        15 msn_username: Text,
        16 msn_password: Secret<Text>,
        17 msn_auto_login: u8,
        18 yahoo_username: Text,
        19 yahoo_password: Secret<Text>,
        20 yahoo_auto_login: u8,
        21 aim_username: Text,
        22 aim_password: Secret<Text>,
        23 aim_auto_login: u8,
        24 gtalk_username: Text,
        25 gtalk_password: Secret<Text>,
        26 gtalk_auto_login: u8,
        27 facebook_username: Text,
        28 facebook_password: Secret<Text>,
        29 facebook_auto_login: u8,
        30 im_type_to_remove: u8,
    }

    /// Changes the password.
    908 CHANGE_PASSWORD ChangePassword c {
        1 old_password: Secret<Text>,
        2 new_password: Secret<Text>,
    }

    /// Gives credit to somebody: asks what it costs, or does it.
    909 TRANSFER_CREDIT TransferCredit c {
        1 username: Text,
        2 amount: u32,
        3 commit: u8,
    }

    /// Asks for an address to send a picture to (spec/wire.md section 4).
    910 GET_URL GetUrl c "SEND_PIC_REQUEST" {
        1 url_type: u8,
        2 profile_name: Text,
    }

    /// Asks for an emoticon's picture.
    913 GET_EMOTICON GetEmoticon c {
        1 hotkeys: Text,
        2 is_full_url_data: u8,
    }

    /// One emoticon.
    914 EMOTICON Emoticon s {
        1 hotkey: Text,
        2 alternate_hotkeys: Text,
        3 alias: Text,
        4 content: Bytes,
        5 content_type: u8,
        6 pack_id: u32,
        7 url: Text,
        8 full_url_data: Text,
    }

    /// The emoticons that a client keeps are out of date.
    915 CLEAR_EMOTICON_CACHE ClearEmoticonCache s {}

    /// The keys of all emoticons.
    916 EMOTICON_HOTKEYS EmoticonHotkeys s {
        1 hotkey_list: List<' '>,
        2 alternate_hotkey_list: List<' '>,
    }

    /// Asks the server to fetch a page.
    922 OPEN_URL OpenUrl c {
        1 method: u8,
        2 url: Text,
        3 parameter: Secret<Text>,
        11 cookies: Secret<StringArray>,
    }

    /// A page that the server has fetched.
    923 OPEN_URL_RESPONSE OpenUrlResponse s {
        1 response_code: u32,
        2 content: Bytes,
        3 ttl: u64,
        11 cookies: Secret<StringArray>,
    }

    /// The emoticons are complete.
    928 GET_EMOTICONS_COMPLETE GetEmoticonsComplete s {}

    /// Asks for gifts.
    935 GET_GIFT GetGift c {
        1 limit: u32,
    }

    /// Gifts, as parallel arrays.
    936 GIFT_HOTKEYS GiftHotkeys s {
        1 hotkeys: StringArray,
        2 names: StringArray,
        3 prices: StringArray,
    }

    /// Asks for the keys of all emoticons.
    937 GET_EMOTICON_HOTKEYS GetEmoticonHotkeys c {
        1 session_id: Secret<Text>,
    }

    /// Asks for the list of sticker packs.
    938 GET_STICKER_PACK_LIST GetStickerPackList c {}

    /// The sticker packs, and their versions.
    939 STICKER_PACK_LIST StickerPackList s {
        1 sticker_pack_id_list: List<' '>,
        2 version_list: List<' '>,
    }

    /// Asks for sticker packs.
    940 GET_STICKER_PACK GetStickerPack c {
        1 sticker_pack_id_list: List<' '>,
    }

    /// One sticker pack.
    941 STICKER_PACK StickerPack s {
        1 sticker_pack_id: u32,
        2 name: Text,
        3 hotkey_list: List<' '>,
        4 icon_url: Text,
        5 version: Text,
    }

    /// The sticker packs are complete.
    942 END_STICKER_PACK EndStickerPack s {}
}

impl Encode for Packet {
    fn command(&self) -> Command {
        self.as_encode().command()
    }

    fn params_len(&self) -> usize {
        self.as_encode().params_len()
    }

    fn write_params(&self, out: &mut BytesMut) {
        self.as_encode().write_params(out);
    }

    fn write_params_to<O: Output>(&self, out: &mut O) {
        self.write_params_of_kind(out);
    }

    // finds the kind once, not for each part of it
    fn encode_into(&self, transaction: u16, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode_into(self.as_encode(), transaction, out)
    }

    fn encode(&self, transaction: u16) -> Result<Frame, EncodeError> {
        encode(self.as_encode(), transaction)
    }
}

/// Commands that later clients also used, outside the chat service: carried as they are, shown by name.
pub(crate) const OTHER: &[(u16, &str)] = &[
    (6, "HELP_TEXT"),
    (7, "GET_HELP_TEXT"),
    (8, "SERVER_QUESTION"),
    (9, "SERVER_QUESTION_REPLY"),
    (10, "REPORT"),
    (12, "GET_MIDLET_PROPERTY"),
    (13, "HTTP_POLL"),
    (18, "GET_SERVER_QUESTION"),
    (204, "ACTIVATE_ACCOUNT"),
    (205, "RESEND_VERIFICATION_CODE"),
    (206, "IM_LOGIN"),
    (207, "IM_SESSION_STATUS"),
    (208, "IM_AVAILABLE"),
    (302, "IM_LOGOUT"),
    (418, "VOICE_CAPABILITY"),
    (422, "USER_EVENT"),
    (501, "WAP_PUSH"),
    (503, "MAIL_INFO"),
    (800, "PHONE_CALL"),
    (801, "WEBCALL"),
    (802, "WEBCALL_NOTIFICATION"),
    (803, "WEBCALL_RESPONSE"),
    (804, "DIAL"),
    (805, "COMPARE_CALL_RATE"),
    (806, "ANONYMOUS_CALL_NOTIFICATION"),
    (807, "ANONYMOUS_CALL_RESPONSE"),
    (900, "INVITE_FRIEND"),
    (901, "GET_ACCOUNT_BALANCE"),
    (903, "RECHARGE"),
    (904, "FORGOT_PASSWORD"),
    (911, "DYNAMIC_MENU"),
    (912, "WALLPAPER"),
    (918, "MIDLET_TAB"),
    (920, "MIDLET_ACTION"),
    (921, "CHANGE_USER_EVENT_SETTING"),
    (924, "TEXT_COLOR"),
    (925, "LANGUAGE"),
    (926, "GET_IM_ICONS"),
    (927, "IM_ICONS"),
    (929, "GET_DYNAMIC_MENU_ICON"),
    (930, "DYNAMIC_MENU_ICON"),
    (931, "GET_PRELOGIN_MARKETING_MSG"),
    (932, "PRELOGIN_MARKETING_MSG"),
    (933, "APPLICATION_MENU"),
    (934, "APPLICATION_MENU_COMPLETE"),
    (959, "GET_UPLOAD_DATA_TICKET"),
    (960, "UPLOAD_ADDRESS_BOOK_CONTACTS"),
];
