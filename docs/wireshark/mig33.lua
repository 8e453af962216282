-- mig33.lua: a Wireshark dissector for the mig33 chat protocol. How to use it: README.md beside this file.
--
-- `cargo xtask docs` writes this file: the tables in its middle from the packet table of the codec, everything else
-- from cli/src/reference/mig33.lua. Sections are those of spec/wire.md.

local mig33 = Proto("mig33", "mig33 chat protocol")

mig33.prefs.ports = Pref.range("TCP ports", "9119", "Ports whose connections are read as mig33, whatever is in them; "
  .. "others are if their first bytes look like it", 65535)
mig33.prefs.show_secrets = Pref.bool("Show secrets", false, "Show passwords, their proofs and tokens. "
  .. "They are in the bytes of the capture in any case")

-- ---------------------------------------------------------------------------------------------------------------------
-- What is known of the protocol

-- Bytes of a packet's header and of a block's, and the most that a packet's blocks have (sections 1 and 2).
local HEADER, BLOCK_HEADER, MAX_PARAMS = 9, 6, 358400
local MAGIC = 2

-- Sets of values, by name.
local VALUES = {
  Presence = {
    [1] = "AVAILABLE",
    [2] = "ROAMING",
    [3] = "BUSY",
    [4] = "AWAY",
    [99] = "OFFLINE",
  },
  MessageType = {
    [1] = "MIG33",
    [2] = "SMS",
    [3] = "EMAIL",
    [4] = "MSN",
    [5] = "AIM",
    [6] = "YAHOO",
    [7] = "FACEBOOK",
    [8] = "GTALK",
    [9] = "OFFLINE_MESSAGE",
    [98] = "SERVER_INFO",
  },
  ChatDestination = {
    [1] = "PRIVATE",
    [2] = "GROUP_CHAT",
    [3] = "CHATROOM",
    [4] = "DISTRIBUTION_LIST",
  },
  ContentType = {
    [1] = "TEXT",
    [2] = "IMAGE",
    [3] = "AUDIO",
    [4] = "VIDEO",
    [5] = "EXISTING_FILE",
    [6] = "EMOTE",
  },
  StatusEvent = {
    [1] = "COMPOSING",
    [2] = "RECEIVED",
    [3] = "READ",
  },
  ChatUserStatus = {
    [1] = "JOINED",
    [2] = "LEFT",
  },
  ParticipantType = {
    [0] = "NORMAL",
    [1] = "ADMINISTRATOR",
    [2] = "MUTED",
  },
  FileType = {
    [1] = "IMAGE",
    [2] = "AUDIO",
    [3] = "VIDEO",
  },
  Permission = {
    [1] = "ALLOW",
    [2] = "BLOCK",
  },
  UserType = {
    [1] = "STANDARD",
    [2] = "MERCHANT",
    [3] = "TOP_MERCHANT",
    [4] = "PREPAID_CARD",
  },
  AlertContentType = {
    [1] = "TEXT",
    [2] = "URL",
    [3] = "URL_WITH_CONFIRMATION",
  },
  ClientType = {
    [1] = "MIDP1",
    [2] = "MIDP2",
    [3] = "DESKTOP",
    [4] = "SYMBIAN",
    [5] = "AJAX1",
    [6] = "TOOLBAR",
    [7] = "WINDOWS_MOBILE",
    [8] = "ANDROID",
    [9] = "WAP",
    [10] = "MIGBO",
    [11] = "VAS",
    [12] = "MERCHANT_CENTER",
    [13] = "BLACKBERRY",
    [14] = "BLAAST",
    [15] = "MRE",
    [16] = "AJAX2",
    [17] = "IOS",
  },
  DeviceMode = {
    [0] = "AWAKE",
    [1] = "SLEEP",
  },
  ImDetail = {
    [0] = "UNREGISTERED",
    [1] = "DISCONNECTED",
    [2] = "CONNECTED",
  },
  VoipCodec = {
    [1] = "ULAW",
    [2] = "ALAW",
    [3] = "GSM",
    [4] = "G729",
  },
  ErrorCode = {
    [1] = "UNDEFINED",
    [2] = "CHAT_SYNC_ENTITY_NOT_FOUND",
    [3] = "INCORRECT_CREDENTIAL",
    [100] = "INVALID_VERSION",
    [101] = "UNSUPPORTED_PROTOCOL",
  },
}

-- Packets by command; their blocks by id.
local PACKETS = {
  [0] = { name = "ERROR", from = "server", fields = {
    [1] = { name = "code", kind = "u16", values = VALUES.ErrorCode },
    [2] = { name = "description", kind = "string" },
  } },
  [1] = { name = "OK", from = "server", fields = {
    [1] = { name = "text", kind = "string" },
    [2] = { name = "value", kind = "u64" },
    [1008] = { name = "previous_message_guid", kind = "string" },
  } },
  [2] = { name = "PING", from = "client", fields = {} },
  [3] = { name = "PONG", from = "server", fields = {} },
  [5] = { name = "ALERT", from = "server", fields = {
    [1] = { name = "alert_type", kind = "u16" },
    [2] = { name = "content", kind = "string" },
    [3] = { name = "content_type", kind = "u8", values = VALUES.AlertContentType },
    [4] = { name = "title", kind = "string" },
    [5] = { name = "timeout", kind = "u16" },
  } },
  [11] = { name = "MIDLET_PROPERTY", from = "client", fields = {
    [1] = { name = "property_type", kind = "u8" },
    [2] = { name = "key", kind = "string" },
    [3] = { name = "value", kind = "string", secret = true },
  } },
  [14] = { name = "NOTIFICATION", from = "server", fields = {
    [1] = { name = "text", kind = "string" },
    [2] = { name = "url", kind = "string" },
    [3] = { name = "notification_type", kind = "u32" },
    [4] = { name = "pending_notifications_total", kind = "u32" },
  } },
  [16] = { name = "CAPTCHA", from = "server", fields = {
    [1] = { name = "display_text", kind = "string" },
    [2] = { name = "captcha_image", kind = "bytes" },
  } },
  [17] = { name = "CAPTCHA_RESPONSE", from = "client", fields = {
    [1] = { name = "captcha_response", kind = "string" },
  } },
  [100] = { name = "NEW_REGISTRATION", from = "client", fields = {
    [1] = { name = "service_type", kind = "u8" },
    [2] = { name = "username", kind = "string" },
    [3] = { name = "password", kind = "string", secret = true },
    [4] = { name = "mobile_phone", kind = "string" },
    [5] = { name = "display_name", kind = "string" },
    [6] = { name = "first_name", kind = "string" },
    [7] = { name = "last_name", kind = "string" },
    [8] = { name = "date_of_birth", kind = "string" },
    [9] = { name = "email_address", kind = "string" },
    [10] = { name = "startup_card_number", kind = "u32", secret = true },
    [11] = { name = "startup_card_pin", kind = "u32", secret = true },
    [12] = { name = "group_id", kind = "u32" },
    [13] = { name = "user_agent", kind = "string" },
    [14] = { name = "mobile_device", kind = "string" },
    [15] = { name = "imei", kind = "string" },
  } },
  [101] = { name = "REGISTRATION", from = "client", fields = {
    [1] = { name = "screen_width", kind = "u32" },
    [2] = { name = "screen_height", kind = "u32" },
    [3] = { name = "client_type", kind = "u8", values = VALUES.ClientType },
  } },
  [102] = { name = "REGISTRATION_CHALLENGE", from = "server", fields = {
    [1] = { name = "idd_code", kind = "string" },
    [2] = { name = "captcha_id", kind = "string" },
    [3] = { name = "captcha_image", kind = "bytes" },
  } },
  [103] = { name = "REGISTRATION_RESPONSE", from = "client", fields = {
    [1] = { name = "username", kind = "string" },
    [2] = { name = "password", kind = "string", secret = true },
    [3] = { name = "mobile_phone", kind = "string" },
    [4] = { name = "captcha_id", kind = "string" },
    [5] = { name = "captcha_response", kind = "string" },
    [6] = { name = "group_id", kind = "u32" },
    [8] = { name = "date_of_birth", kind = "string" },
    [9] = { name = "user_agent", kind = "string" },
    [10] = { name = "mobile_device", kind = "string" },
    [11] = { name = "imei", kind = "string" },
  } },
  [104] = { name = "REGISTRATION_ERROR", from = "server", fields = {
    [1] = { name = "description", kind = "string" },
    [2] = { name = "captcha_id", kind = "string" },
    [3] = { name = "captcha_image", kind = "bytes" },
  } },
  [200] = { name = "LOGIN", from = "client", fields = {
    [1] = { name = "protocol_version", kind = "u16" },
    [2] = { name = "client_type", kind = "u8", values = VALUES.ClientType },
    [3] = { name = "client_version", kind = "u16" },
    [4] = { name = "service_type", kind = "u8" },
    [5] = { name = "username", kind = "string" },
    [6] = { name = "email_address", kind = "string" },
    [7] = { name = "user_agent", kind = "string" },
    [8] = { name = "device_name", kind = "string" },
    [9] = { name = "initial_presence", kind = "u8", values = VALUES.Presence },
    [10] = { name = "is_voice_capable", kind = "bool" },
    [11] = { name = "font_height", kind = "u32" },
    [12] = { name = "screen_width", kind = "u32" },
    [13] = { name = "screen_height", kind = "u32" },
    [14] = { name = "wallpaper_id", kind = "u32" },
    [15] = { name = "language", kind = "string" },
    [16] = { name = "theme_id", kind = "u32" },
    [17] = { name = "cell_id", kind = "string" },
    [18] = { name = "session_id", kind = "string" },
    [19] = { name = "stream_user_events", kind = "bool" },
    [20] = { name = "local_area_code", kind = "string" },
    [21] = { name = "mobile_network_code", kind = "string" },
    [22] = { name = "mobile_country_code", kind = "string" },
    [23] = { name = "application_menu_version", kind = "u32" },
    [24] = { name = "vas_tracking_id", kind = "string" },
    [25] = { name = "virtual_gift_pixel_size", kind = "u32" },
    [26] = { name = "sticker_pixel_size", kind = "u32" },
    [1001] = { name = "resume_token", kind = "bytes", secret = true },
    [1002] = { name = "features", kind = "list(;)" },
  } },
  [201] = { name = "LOGIN_CHALLENGE", from = "server", fields = {
    [1] = { name = "challenge", kind = "string" },
    [2] = { name = "session_id", kind = "string" },
  } },
  [202] = { name = "LOGIN_RESPONSE", from = "client", fields = {
    [1] = { name = "password_hash", kind = "u32", secret = true },
  } },
  [203] = { name = "LOGIN_OK", from = "server", fields = {
    [1] = { name = "mobile_phone", kind = "string" },
    [2] = { name = "mobile_verified", kind = "bool" },
    [3] = { name = "alert", kind = "string" },
    [4] = { name = "alert_content_type", kind = "u8", values = VALUES.AlertContentType },
    [5] = { name = "asterisk_servers", kind = "string" },
    [6] = { name = "msn_detail", kind = "u8", values = VALUES.ImDetail },
    [7] = { name = "aim_detail", kind = "u8", values = VALUES.ImDetail },
    [8] = { name = "yahoo_detail", kind = "u8", values = VALUES.ImDetail },
    [9] = { name = "asterisk_id", kind = "u32" },
    [10] = { name = "asterisk_server", kind = "string" },
    [11] = { name = "currency", kind = "string" },
    [12] = { name = "exchange_rate", kind = "string" },
    [13] = { name = "mail_url", kind = "string" },
    [14] = { name = "mail_count", kind = "u32" },
    [15] = { name = "voip_codec", kind = "u8", values = VALUES.VoipCodec },
    [16] = { name = "emoticon_height", kind = "u32" },
    [17] = { name = "gtalk_detail", kind = "u8", values = VALUES.ImDetail },
    [18] = { name = "local_did_support", kind = "bool" },
    [20] = { name = "contact_list_version", kind = "u32" },
    [23] = { name = "image_server_url", kind = "string" },
    [24] = { name = "user_events_to_keep", kind = "u32" },
    [25] = { name = "anonymous_calling", kind = "bool" },
    [26] = { name = "pagelet_url", kind = "string" },
    [27] = { name = "user_type", kind = "u8", values = VALUES.UserType },
    [28] = { name = "badge_hotkey", kind = "string" },
    [29] = { name = "send_connection_report", kind = "bool" },
    [30] = { name = "facebook_detail", kind = "u8", values = VALUES.ImDetail },
    [31] = { name = "reputation_level", kind = "u16" },
    [32] = { name = "reputation_image_path", kind = "string" },
    [33] = { name = "tcp_tunneling", kind = "bool" },
    [34] = { name = "presence", kind = "u8", values = VALUES.Presence },
    [38] = { name = "user_id", kind = "u32" },
    [39] = { name = "username", kind = "string" },
    [40] = { name = "supports_chat_sync", kind = "bool" },
    [41] = { name = "virtual_gift_size", kind = "u32" },
    [42] = { name = "supports_stickers", kind = "bool" },
    [43] = { name = "server_time", kind = "u64" },
    [1001] = { name = "resume_token", kind = "bytes", secret = true },
    [1002] = { name = "features", kind = "list(;)" },
  } },
  [209] = { name = "SLIM_LOGIN", from = "client", fields = {
    [1] = { name = "password_hash", kind = "u32", secret = true },
    [2] = { name = "client_type", kind = "u8", values = VALUES.ClientType },
    [3] = { name = "client_version", kind = "u16" },
    [4] = { name = "service_type", kind = "u8" },
    [5] = { name = "username", kind = "string" },
    [6] = { name = "password", kind = "string", secret = true },
    [7] = { name = "initial_presence", kind = "u8", values = VALUES.Presence },
    [8] = { name = "user_agent", kind = "string" },
    [9] = { name = "device_name", kind = "string" },
    [10] = { name = "protocol_version", kind = "u16" },
  } },
  [210] = { name = "SLIM_LOGIN_OK", from = "server", fields = {
    [1] = { name = "session_id", kind = "string", secret = true },
  } },
  [211] = { name = "CREATE_SESSION", from = "client", fields = {
    [1] = { name = "protocol_version", kind = "u16" },
    [2] = { name = "client_type", kind = "u8", values = VALUES.ClientType },
    [3] = { name = "session_id", kind = "string", secret = true },
    [4] = { name = "stream_user_events", kind = "bool" },
    [5] = { name = "client_version", kind = "u16" },
    [6] = { name = "user_agent", kind = "string" },
    [7] = { name = "device_name", kind = "string" },
    [8] = { name = "initial_presence", kind = "u8", values = VALUES.Presence },
    [9] = { name = "is_voice_capable", kind = "bool" },
    [10] = { name = "font_height", kind = "u32" },
    [11] = { name = "screen_width", kind = "u32" },
    [12] = { name = "screen_height", kind = "u32" },
    [13] = { name = "wallpaper_id", kind = "u32" },
    [14] = { name = "theme_id", kind = "u32" },
    [15] = { name = "language", kind = "string" },
    [16] = { name = "application_menu_version", kind = "u32" },
    [17] = { name = "vas_tracking_id", kind = "string" },
    [18] = { name = "virtual_gift_pixel_size", kind = "u32" },
    [19] = { name = "sticker_pixel_size", kind = "u32" },
  } },
  [212] = { name = "SLIM_LOGIN_CHALLENGE", from = "server", fields = {
    [1] = { name = "session_id", kind = "string", secret = true },
    [2] = { name = "challenge", kind = "string" },
  } },
  [300] = { name = "LOGOUT", from = "client", fields = {} },
  [301] = { name = "SESSION_TERMINATED", from = "server", fields = {
    [1] = { name = "reason", kind = "string" },
  } },
  [400] = { name = "GET_CONTACTS", from = "client", fields = {
    [1] = { name = "presence", kind = "u8", values = VALUES.Presence },
    [2] = { name = "contact_id", kind = "u32" },
  } },
  [401] = { name = "GROUP", from = "server", fields = {
    [1] = { name = "group_id", kind = "u32" },
    [2] = { name = "group_name", kind = "string" },
  } },
  [402] = { name = "CONTACT", from = "server", fields = {
    [1] = { name = "contact_id", kind = "u32" },
    [2] = { name = "group_id", kind = "u32" },
    [3] = { name = "display_name", kind = "string" },
    [4] = { name = "first_name", kind = "string" },
    [5] = { name = "last_name", kind = "string" },
    [6] = { name = "email_address", kind = "string" },
    [7] = { name = "default_phone", kind = "u8" },
    [8] = { name = "mobile_phone_number", kind = "string" },
    [9] = { name = "home_phone_number", kind = "string" },
    [10] = { name = "office_phone_number", kind = "string" },
    [11] = { name = "default_im", kind = "u8" },
    [12] = { name = "username", kind = "string" },
    [13] = { name = "presence", kind = "u8", values = VALUES.Presence },
    [14] = { name = "msn_username", kind = "string" },
    [15] = { name = "msn_presence", kind = "u8", values = VALUES.Presence },
    [16] = { name = "aim_username", kind = "string" },
    [17] = { name = "aim_presence", kind = "u8", values = VALUES.Presence },
    [18] = { name = "yahoo_username", kind = "string" },
    [19] = { name = "yahoo_presence", kind = "u8", values = VALUES.Presence },
    [20] = { name = "icq_username", kind = "string" },
    [21] = { name = "icq_presence", kind = "u8", values = VALUES.Presence },
    [22] = { name = "gtalk_username", kind = "string" },
    [23] = { name = "gtalk_presence", kind = "u8", values = VALUES.Presence },
    [24] = { name = "share_mobile_phone", kind = "bool" },
    [25] = { name = "is_voice_capable", kind = "bool" },
    [27] = { name = "status_message", kind = "string" },
    [28] = { name = "display_picture_guid", kind = "string" },
    [29] = { name = "facebook_username", kind = "string" },
    [30] = { name = "facebook_presence", kind = "u8", values = VALUES.Presence },
    [31] = { name = "im_type_list", kind = "u8_array" },
    [32] = { name = "im_presence_list", kind = "u8_array" },
    [33] = { name = "im_username_list", kind = "string_array" },
    [1007] = { name = "pending", kind = "bool" },
  } },
  [403] = { name = "GET_CONTACTS_COMPLETE", from = "server", fields = {} },
  [404] = { name = "PRESENCE", from = "server", fields = {
    [1] = { name = "contact_id", kind = "u32" },
    [2] = { name = "presence", kind = "u8", values = VALUES.Presence },
    [3] = { name = "msn_presence", kind = "u8", values = VALUES.Presence },
    [4] = { name = "aim_presence", kind = "u8", values = VALUES.Presence },
    [5] = { name = "yahoo_presence", kind = "u8", values = VALUES.Presence },
    [6] = { name = "icq_presence", kind = "u8", values = VALUES.Presence },
    [7] = { name = "gtalk_presence", kind = "u8", values = VALUES.Presence },
    [8] = { name = "facebook_presence", kind = "u8", values = VALUES.Presence },
    [9] = { name = "im_type_list", kind = "u8_array" },
    [10] = { name = "im_presence_list", kind = "u8_array" },
  } },
  [405] = { name = "ADD_CONTACT", from = "client", fields = {
    [2] = { name = "group_id", kind = "u32" },
    [3] = { name = "display_name", kind = "string" },
    [4] = { name = "first_name", kind = "string" },
    [5] = { name = "last_name", kind = "string" },
    [6] = { name = "email_address", kind = "string" },
    [7] = { name = "default_phone", kind = "u8" },
    [8] = { name = "mobile_phone", kind = "string" },
    [9] = { name = "home_phone", kind = "string" },
    [10] = { name = "office_phone", kind = "string" },
    [11] = { name = "default_im", kind = "u8" },
    [12] = { name = "username", kind = "string" },
    [14] = { name = "msn_username", kind = "string" },
    [16] = { name = "aim_username", kind = "string" },
    [18] = { name = "yahoo_username", kind = "string" },
    [20] = { name = "icq_username", kind = "string" },
    [22] = { name = "gtalk_username", kind = "string" },
    [24] = { name = "share_mobile_phone", kind = "u8" },
    [29] = { name = "facebook_username", kind = "string" },
    [30] = { name = "im_username", kind = "string" },
    [31] = { name = "im_type", kind = "u8" },
  } },
  [406] = { name = "REMOVE_CONTACT", from = "client", fields = {
    [1] = { name = "contact_id", kind = "u32" },
  } },
  [407] = { name = "UPDATE_CONTACT", from = "client", fields = {
    [1] = { name = "contact_id", kind = "u32" },
    [2] = { name = "group_id", kind = "u32" },
    [3] = { name = "display_name", kind = "string" },
    [4] = { name = "first_name", kind = "string" },
    [5] = { name = "last_name", kind = "string" },
    [6] = { name = "email_address", kind = "string" },
    [7] = { name = "default_phone", kind = "u8" },
    [8] = { name = "mobile_phone", kind = "string" },
    [9] = { name = "home_phone", kind = "string" },
    [10] = { name = "office_phone", kind = "string" },
    [11] = { name = "default_im", kind = "u8" },
    [12] = { name = "username", kind = "string" },
    [14] = { name = "msn_username", kind = "string" },
    [16] = { name = "aim_username", kind = "string" },
    [18] = { name = "yahoo_username", kind = "string" },
    [20] = { name = "icq_username", kind = "string" },
    [22] = { name = "gtalk_username", kind = "string" },
    [29] = { name = "facebook_username", kind = "string" },
    [30] = { name = "im_usernames", kind = "string_array" },
    [31] = { name = "im_types", kind = "u8_array" },
  } },
  [408] = { name = "ADD_GROUP", from = "client", fields = {
    [2] = { name = "group_name", kind = "string" },
  } },
  [409] = { name = "REMOVE_GROUP", from = "client", fields = {
    [1] = { name = "group_id", kind = "u32" },
  } },
  [410] = { name = "UPDATE_GROUP", from = "client", fields = {
    [1] = { name = "group_id", kind = "u32" },
    [2] = { name = "group_name", kind = "string" },
  } },
  [411] = { name = "MOVE_CONTACT", from = "client", fields = {
    [1] = { name = "contact_id", kind = "u32" },
    [2] = { name = "group_id", kind = "u32" },
  } },
  [412] = { name = "CONTACT_REQUEST", from = "server", fields = {
    [1] = { name = "username", kind = "string" },
    [2] = { name = "profile_url", kind = "string" },
  } },
  [413] = { name = "ACCEPT_CONTACT_REQUEST", from = "client", fields = {
    [1] = { name = "contact_username", kind = "string" },
    [2] = { name = "add_contact", kind = "bool" },
    [3] = { name = "group_id", kind = "u32" },
    [4] = { name = "share_mobile_phone", kind = "bool" },
  } },
  [414] = { name = "REJECT_CONTACT_REQUEST", from = "client", fields = {
    [1] = { name = "username", kind = "string" },
    [2] = { name = "block_user", kind = "u8" },
  } },
  [415] = { name = "GET_PERMISSION_LIST", from = "client", fields = {
    [1] = { name = "list_type", kind = "u8" },
  } },
  [416] = { name = "PERMISSION_LIST", from = "server", fields = {
    [1] = { name = "allow_list", kind = "string" },
    [2] = { name = "block_list", kind = "string" },
  } },
  [417] = { name = "SET_PERMISSION", from = "client", fields = {
    [1] = { name = "username", kind = "string" },
    [2] = { name = "permission", kind = "u8", values = VALUES.Permission },
  } },
  [419] = { name = "HAVE_LATEST_CONTACT_LIST", from = "client", fields = {
    [1] = { name = "timestamp", kind = "u64" },
  } },
  [420] = { name = "CONTACT_LIST_VERSION", from = "server", fields = {
    [1] = { name = "version", kind = "u32" },
    [2] = { name = "timestamp", kind = "u64" },
  } },
  [421] = { name = "STATUS_MESSAGE", from = "server", fields = {
    [1] = { name = "contact_id", kind = "u32" },
    [2] = { name = "status_message", kind = "string" },
    [3] = { name = "timestamp", kind = "u64" },
  } },
  [423] = { name = "DISPLAY_PICTURE", from = "server", fields = {
    [1] = { name = "contact_id", kind = "u32" },
    [2] = { name = "display_picture_guid", kind = "string" },
    [3] = { name = "timestamp", kind = "u64" },
  } },
  [424] = { name = "GET_USER_INIT_DETAILS", from = "client", fields = {} },
  [425] = { name = "GET_CONTACT_REQUESTS", from = "client", fields = {} },
  [500] = { name = "MESSAGE", fields = {
    [1] = { name = "message_type", kind = "u8", values = VALUES.MessageType },
    [2] = { name = "source", kind = "string" },
    [3] = { name = "destination_type", kind = "u8", values = VALUES.ChatDestination },
    [4] = { name = "destination", kind = "string" },
    [5] = { name = "contact_id", kind = "u32" },
    [6] = { name = "content_type", kind = "u16", values = VALUES.ContentType },
    [7] = { name = "file_name", kind = "string" },
    [8] = { name = "content", kind = "bytes" },
    [9] = { name = "from_administrator", kind = "u8" },
    [10] = { name = "display_picture", kind = "string" },
    [11] = { name = "hotkeys", kind = "string" },
    [12] = { name = "source_color", kind = "u32" },
    [13] = { name = "message_color", kind = "u32" },
    [14] = { name = "badge_hotkey", kind = "string" },
    [15] = { name = "guid", kind = "string" },
    [16] = { name = "timestamp", kind = "u64" },
    [17] = { name = "group_chat_name", kind = "string" },
    [18] = { name = "group_chat_owner", kind = "string" },
    [19] = { name = "previous_message_guid", kind = "string" },
    [20] = { name = "emote_content_type", kind = "u8" },
    [21] = { name = "mime_type", kind = "string" },
    [22] = { name = "mime_type_data", kind = "string" },
    [23] = { name = "status", kind = "u8", values = VALUES.StatusEvent },
  } },
  [502] = { name = "FILE_RECEIVED", from = "server", fields = {
    [1] = { name = "source_type", kind = "u8" },
    [2] = { name = "source", kind = "string" },
    [3] = { name = "contact_id", kind = "u32" },
    [4] = { name = "text", kind = "string" },
    [5] = { name = "url", kind = "string" },
  } },
  [504] = { name = "UPLOAD_FILE", from = "client", fields = {
    [1] = { name = "file_type", kind = "u16", values = VALUES.FileType },
    [2] = { name = "file_content", kind = "bytes" },
    [3] = { name = "description", kind = "string" },
    [4] = { name = "destination", kind = "string" },
    [5] = { name = "use_as_display_picture", kind = "bool" },
  } },
  [505] = { name = "MESSAGE_STATUS_EVENT", fields = {
    [1] = { name = "message_type", kind = "u8", values = VALUES.MessageType },
    [2] = { name = "message_source", kind = "string" },
    [3] = { name = "message_destination_type", kind = "u8", values = VALUES.ChatDestination },
    [4] = { name = "message_destination", kind = "string" },
    [5] = { name = "message_guid", kind = "string" },
    [6] = { name = "message_event_type", kind = "u8", values = VALUES.StatusEvent },
    [7] = { name = "server_generated", kind = "u8" },
    [8] = { name = "message_timestamp", kind = "u64" },
  } },
  [506] = { name = "MESSAGE_STATUS_EVENTS", from = "server", fields = {
    [1] = { name = "message_type", kind = "u8", values = VALUES.MessageType },
    [2] = { name = "message_sources", kind = "string_array" },
    [3] = { name = "message_destination_type", kind = "u8", values = VALUES.ChatDestination },
    [4] = { name = "message_destinations", kind = "string_array" },
    [5] = { name = "message_guids", kind = "string_array" },
    [6] = { name = "message_event_types", kind = "u8_array", values = VALUES.StatusEvent },
    [7] = { name = "server_generated_flags", kind = "u8_array" },
    [8] = { name = "message_timestamps", kind = "u64_array" },
  } },
  [507] = { name = "LEAVE_PRIVATE_CHAT", from = "client", fields = {
    [1] = { name = "chat_id", kind = "string" },
    [2] = { name = "im_type", kind = "u8" },
  } },
  [550] = { name = "GET_MESSAGES", from = "client", fields = {
    [1] = { name = "chat_id", kind = "string" },
    [2] = { name = "chat_type", kind = "u8", values = VALUES.ChatDestination },
    [3] = { name = "latest_timestamp", kind = "u64" },
    [4] = { name = "oldest_timestamp", kind = "u64" },
    [5] = { name = "limit", kind = "u32" },
    [1006] = { name = "forward", kind = "bool" },
  } },
  [551] = { name = "GET_CHATS", from = "client", fields = {
    [1] = { name = "version", kind = "u32" },
    [2] = { name = "limit", kind = "u32" },
    [3] = { name = "chat_type", kind = "u8", values = VALUES.ChatDestination },
  } },
  [552] = { name = "HAVE_LATEST_CHAT_LIST", from = "client", fields = {
    [1] = { name = "version", kind = "u32" },
    [2] = { name = "timestamp", kind = "u64" },
  } },
  [560] = { name = "CHAT", from = "server", fields = {
    [1] = { name = "chat_id", kind = "string" },
    [2] = { name = "chat_display_name", kind = "string" },
    [3] = { name = "chat_type", kind = "u8", values = VALUES.ChatDestination },
    [4] = { name = "unread_message_count", kind = "u32" },
    [5] = { name = "contact_id", kind = "u32" },
    [6] = { name = "group_owner", kind = "string" },
    [7] = { name = "is_closed_chat", kind = "u8" },
    [8] = { name = "display_guid", kind = "string" },
    [9] = { name = "message_type", kind = "u8", values = VALUES.MessageType },
    [10] = { name = "timestamp", kind = "u64" },
    [11] = { name = "chat_list_version", kind = "u32" },
    [12] = { name = "chat_list_timestamp", kind = "u64" },
    [13] = { name = "is_renamed_chat", kind = "u8" },
    [14] = { name = "is_passivated_chat", kind = "u8" },
    [1005] = { name = "read_at", kind = "u64" },
  } },
  [561] = { name = "CHAT_LIST_VERSION", from = "server", fields = {
    [1] = { name = "version", kind = "u32" },
    [2] = { name = "timestamp", kind = "u64" },
  } },
  [562] = { name = "END_MESSAGES", from = "server", fields = {
    [1] = { name = "chat_id", kind = "string" },
    [2] = { name = "first_message_guid", kind = "string" },
    [3] = { name = "final_message_guid", kind = "string" },
    [4] = { name = "messages_sent", kind = "u32" },
  } },
  [563] = { name = "LATEST_MESSAGES_DIGEST", from = "server", fields = {
    [1] = { name = "chat_ids", kind = "string_array" },
    [2] = { name = "guids", kind = "string_array" },
    [3] = { name = "timestamps", kind = "string_array" },
    [4] = { name = "chat_types", kind = "u8_array" },
    [5] = { name = "message_contents", kind = "string_array" },
  } },
  [564] = { name = "SET_CHAT_NAME", from = "client", fields = {
    [1] = { name = "chat_id", kind = "string" },
    [2] = { name = "destination_type", kind = "u8", values = VALUES.ChatDestination },
    [3] = { name = "chat_name", kind = "string" },
  } },
  [565] = { name = "GET_MESSAGE_STATUS_EVENTS", from = "client", fields = {
    [6] = { name = "message_guids", kind = "string_array" },
    [7] = { name = "message_timestamps", kind = "u64_array" },
  } },
  [600] = { name = "SET_PRESENCE", from = "client", fields = {
    [1] = { name = "presence", kind = "u8", values = VALUES.Presence },
  } },
  [601] = { name = "SET_STATUS_MESSAGE", from = "client", fields = {
    [1] = { name = "status_message", kind = "string" },
  } },
  [602] = { name = "SET_DISPLAY_PICTURE", from = "client", fields = {
    [1] = { name = "display_picture_guid", kind = "string" },
  } },
  [603] = { name = "AVATAR", from = "server", fields = {
    [1] = { name = "status_message", kind = "string" },
    [2] = { name = "display_picture_guid", kind = "string" },
    [3] = { name = "badge_hotkey", kind = "string" },
    [4] = { name = "avatar_picture_guid", kind = "string" },
    [5] = { name = "fullbody_avatar_picture_guid", kind = "string" },
  } },
  [604] = { name = "DEVICE_MODE", from = "client", fields = {
    [1] = { name = "device_mode", kind = "u32", values = VALUES.DeviceMode },
  } },
  [700] = { name = "GET_CHATROOMS", from = "client", fields = {
    [1] = { name = "search_string", kind = "string" },
    [2] = { name = "page", kind = "u8" },
    [3] = { name = "chatroom_name_list", kind = "list(;)" },
  } },
  [701] = { name = "CHATROOM", from = "server", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "description", kind = "string" },
    [3] = { name = "max_participants", kind = "u32" },
    [4] = { name = "participants", kind = "u32" },
    [5] = { name = "adult_only", kind = "bool" },
    [6] = { name = "category_id", kind = "u16" },
    [7] = { name = "user_owned", kind = "bool" },
    [8] = { name = "group_id", kind = "u32" },
    [9] = { name = "chatroom_id", kind = "u32" },
    [10] = { name = "creator_name", kind = "string" },
    [11] = { name = "theme_id", kind = "u32" },
    [12] = { name = "new_owner_name", kind = "string" },
    [13] = { name = "icon_url", kind = "string" },
  } },
  [702] = { name = "GET_CHATROOMS_COMPLETE", from = "server", fields = {
    [1] = { name = "number_of_pages", kind = "u8" },
    [2] = { name = "info_text", kind = "string" },
  } },
  [703] = { name = "JOIN_CHATROOM", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "retrieve_pinned", kind = "bool" },
  } },
  [704] = { name = "LEAVE_CHATROOM", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
  } },
  [705] = { name = "CREATE_CHATROOM", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "description", kind = "string" },
    [3] = { name = "keywords", kind = "string" },
    [4] = { name = "language", kind = "string" },
    [5] = { name = "allow_kicking", kind = "bool" },
  } },
  [706] = { name = "KICK_CHATROOM_PARTICIPANT", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "username", kind = "string" },
  } },
  [707] = { name = "GET_CHATROOM_PARTICIPANTS", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
  } },
  [708] = { name = "CHATROOM_PARTICIPANTS", from = "server", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "participant_list", kind = "list(;)" },
    [3] = { name = "administrator_list", kind = "list(;)" },
    [4] = { name = "muted_list", kind = "list(;)" },
  } },
  [709] = { name = "MUTE_CHATROOM_PARTICIPANT", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "username", kind = "string" },
  } },
  [710] = { name = "UNMUTE_CHATROOM_PARTICIPANT", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "username", kind = "string" },
  } },
  [711] = { name = "ADD_FAVORITE_CHATROOM", from = "client", fields = {
    [1] = { name = "chatroom_name", kind = "string" },
  } },
  [712] = { name = "REMOVE_FAVORITE_CHATROOM", from = "client", fields = {
    [1] = { name = "category_id", kind = "u16" },
    [2] = { name = "chatroom_name", kind = "string" },
  } },
  [713] = { name = "GET_CHATROOM_CATEGORIES", from = "client", fields = {} },
  [714] = { name = "CHATROOM_CATEGORY", from = "server", fields = {
    [1] = { name = "category_id", kind = "u16" },
    [2] = { name = "category_name", kind = "string" },
    [3] = { name = "refresh_method", kind = "u8" },
    [4] = { name = "collapsed", kind = "bool" },
    [5] = { name = "items_can_be_deleted", kind = "bool" },
  } },
  [715] = { name = "GET_CHATROOM_CATEGORIES_COMPLETE", from = "server", fields = {} },
  [716] = { name = "GET_CATEGORIZED_CHATROOMS", from = "client", fields = {
    [1] = { name = "chatroom_category_id", kind = "u16" },
    [2] = { name = "do_refresh", kind = "bool" },
  } },
  [717] = { name = "GET_CATEGORIZED_CHATROOMS_COMPLETE", from = "server", fields = {
    [1] = { name = "category_footer_text", kind = "string" },
  } },
  [718] = { name = "CHATROOM_NOTIFICATION", from = "server", fields = {
    [1] = { name = "text", kind = "string" },
    [2] = { name = "url", kind = "string" },
  } },
  [719] = { name = "CHATROOM_THEME", from = "server", fields = {
    [1] = { name = "theme_id", kind = "u32" },
    [2] = { name = "background_color", kind = "u32" },
    [3] = { name = "background_img_url", kind = "string" },
    [4] = { name = "background_img_alignment", kind = "u32" },
    [5] = { name = "sender_username_color", kind = "u32" },
    [6] = { name = "sender_msg_color", kind = "u32" },
    [7] = { name = "recipient_username_color", kind = "u32" },
    [8] = { name = "recipient_msg_color", kind = "u32" },
    [9] = { name = "admin_username_color", kind = "u32" },
    [10] = { name = "admin_msg_color", kind = "u32" },
    [11] = { name = "emote_msg_color", kind = "u32" },
    [12] = { name = "error_msg_color", kind = "u32" },
    [13] = { name = "server_username_color", kind = "u32" },
    [14] = { name = "server_msg_color", kind = "u32" },
    [15] = { name = "client_msg_color", kind = "u32" },
  } },
  [720] = { name = "CHATROOM_USER_STATUS", from = "server", fields = {
    [1] = { name = "status", kind = "u8", values = VALUES.ChatUserStatus },
    [2] = { name = "chatroom_name", kind = "string" },
    [3] = { name = "username", kind = "string" },
    [4] = { name = "participant_type", kind = "u8", values = VALUES.ParticipantType },
  } },
  [750] = { name = "GROUP_CHAT", from = "server", fields = {
    [1] = { name = "group_chat_id", kind = "string" },
    [2] = { name = "creator", kind = "string" },
    [3] = { name = "im_type", kind = "u8" },
  } },
  [751] = { name = "CREATE_GROUP_CHAT", from = "client", fields = {
    [1] = { name = "username", kind = "string" },
    [2] = { name = "invited_username", kind = "string" },
    [3] = { name = "im_type", kind = "u8" },
    [4] = { name = "invited_username_list", kind = "string_array" },
  } },
  [752] = { name = "GROUP_CHAT_INVITE", fields = {
    [1] = { name = "group_chat_id", kind = "string" },
    [2] = { name = "username", kind = "string" },
    [3] = { name = "im_type", kind = "u8" },
    [4] = { name = "usernames", kind = "string" },
  } },
  [753] = { name = "LEAVE_GROUP_CHAT", from = "client", fields = {
    [1] = { name = "group_chat_id", kind = "string" },
    [2] = { name = "im_type", kind = "u8" },
  } },
  [754] = { name = "GET_GROUP_CHAT_PARTICIPANTS", from = "client", fields = {
    [1] = { name = "group_chat_id", kind = "string" },
    [2] = { name = "im_type", kind = "u8" },
  } },
  [755] = { name = "GROUP_CHAT_PARTICIPANTS", from = "server", fields = {
    [1] = { name = "group_chat_id", kind = "string" },
    [2] = { name = "participant_list", kind = "list(;)" },
    [4] = { name = "muted_list", kind = "list(;)" },
    [5] = { name = "im_type", kind = "u8" },
  } },
  [756] = { name = "GROUP_CHAT_USER_STATUS", from = "server", fields = {
    [1] = { name = "status", kind = "u8", values = VALUES.ChatUserStatus },
    [2] = { name = "group_chat_id", kind = "string" },
    [3] = { name = "username", kind = "string" },
    [4] = { name = "participant_type", kind = "u8", values = VALUES.ParticipantType },
  } },
  [902] = { name = "ACCOUNT_BALANCE", from = "server", fields = {
    [1] = { name = "balance", kind = "string" },
  } },
  [905] = { name = "GET_USER_PROFILE", from = "client", fields = {} },
  [906] = { name = "USER_PROFILE", from = "server", fields = {
    [1] = { name = "display_name", kind = "string" },
    [2] = { name = "first_name", kind = "string" },
    [3] = { name = "last_name", kind = "string" },
    [4] = { name = "city", kind = "string" },
    [5] = { name = "state", kind = "string" },
    [6] = { name = "country_id", kind = "u32" },
    [7] = { name = "utc_offset", kind = "u8" },
    [8] = { name = "date_of_birth", kind = "u64" },
    [9] = { name = "gender", kind = "u8" },
    [10] = { name = "email_address", kind = "string" },
    [11] = { name = "on_mailing_list", kind = "u8" },
    [12] = { name = "mobile_phone", kind = "string" },
    [13] = { name = "away_message", kind = "string" },
    [14] = { name = "auto_recharge", kind = "u8" },
    [15] = { name = "msn_username", kind = "string" },
    [16] = { name = "msn_password", kind = "string", secret = true },
    [17] = { name = "msn_auto_login", kind = "u8" },
    [18] = { name = "yahoo_username", kind = "string" },
    [19] = { name = "yahoo_password", kind = "string", secret = true },
    [20] = { name = "yahoo_auto_login", kind = "u8" },
    [21] = { name = "aim_username", kind = "string" },
    [22] = { name = "aim_password", kind = "string", secret = true },
    [23] = { name = "aim_auto_login", kind = "u8" },
    [24] = { name = "gtalk_username", kind = "string" },
    [25] = { name = "gtalk_password", kind = "string", secret = true },
    [26] = { name = "gtalk_auto_login", kind = "u8" },
    [27] = { name = "facebook_username", kind = "string" },
    [28] = { name = "facebook_password", kind = "string", secret = true },
    [29] = { name = "facebook_auto_login", kind = "u8" },
  } },
  [907] = { name = "UPDATE_USER_PROFILE", from = "client", fields = {
    [1] = { name = "display_name", kind = "string" },
    [2] = { name = "first_name", kind = "string" },
    [3] = { name = "last_name", kind = "string" },
    [4] = { name = "city", kind = "string" },
    [5] = { name = "state", kind = "string" },
    [6] = { name = "country_id", kind = "u32" },
    [7] = { name = "utc_offset", kind = "u8" },
    [8] = { name = "date_of_birth", kind = "u64" },
    [9] = { name = "gender", kind = "u8" },
    [10] = { name = "email_address", kind = "string" },
    [11] = { name = "on_mailing_list", kind = "u8" },
    [12] = { name = "mobile_phone", kind = "string" },
    [13] = { name = "away_message", kind = "string" },
    [14] = { name = "auto_recharge", kind = "u8" },
    [15] = { name = "msn_username", kind = "string" },
    [16] = { name = "msn_password", kind = "string", secret = true },
    [17] = { name = "msn_auto_login", kind = "u8" },
    [18] = { name = "yahoo_username", kind = "string" },
    [19] = { name = "yahoo_password", kind = "string", secret = true },
    [20] = { name = "yahoo_auto_login", kind = "u8" },
    [21] = { name = "aim_username", kind = "string" },
    [22] = { name = "aim_password", kind = "string", secret = true },
    [23] = { name = "aim_auto_login", kind = "u8" },
    [24] = { name = "gtalk_username", kind = "string" },
    [25] = { name = "gtalk_password", kind = "string", secret = true },
    [26] = { name = "gtalk_auto_login", kind = "u8" },
    [27] = { name = "facebook_username", kind = "string" },
    [28] = { name = "facebook_password", kind = "string", secret = true },
    [29] = { name = "facebook_auto_login", kind = "u8" },
    [30] = { name = "im_type_to_remove", kind = "u8" },
  } },
  [908] = { name = "CHANGE_PASSWORD", from = "client", fields = {
    [1] = { name = "old_password", kind = "string", secret = true },
    [2] = { name = "new_password", kind = "string", secret = true },
  } },
  [909] = { name = "TRANSFER_CREDIT", from = "client", fields = {
    [1] = { name = "username", kind = "string" },
    [2] = { name = "amount", kind = "u32" },
    [3] = { name = "commit", kind = "u8" },
  } },
  [910] = { name = "GET_URL", from = "client", fields = {
    [1] = { name = "url_type", kind = "u8" },
    [2] = { name = "profile_name", kind = "string" },
  } },
  [913] = { name = "GET_EMOTICON", from = "client", fields = {
    [1] = { name = "hotkeys", kind = "string" },
    [2] = { name = "is_full_url_data", kind = "u8" },
  } },
  [914] = { name = "EMOTICON", from = "server", fields = {
    [1] = { name = "hotkey", kind = "string" },
    [2] = { name = "alternate_hotkeys", kind = "string" },
    [3] = { name = "alias", kind = "string" },
    [4] = { name = "content", kind = "bytes" },
    [5] = { name = "content_type", kind = "u8" },
    [6] = { name = "pack_id", kind = "u32" },
    [7] = { name = "url", kind = "string" },
    [8] = { name = "full_url_data", kind = "string" },
  } },
  [915] = { name = "CLEAR_EMOTICON_CACHE", from = "server", fields = {} },
  [916] = { name = "EMOTICON_HOTKEYS", from = "server", fields = {
    [1] = { name = "hotkey_list", kind = "list( )" },
    [2] = { name = "alternate_hotkey_list", kind = "list( )" },
  } },
  [922] = { name = "OPEN_URL", from = "client", fields = {
    [1] = { name = "method", kind = "u8" },
    [2] = { name = "url", kind = "string" },
    [3] = { name = "parameter", kind = "string", secret = true },
    [11] = { name = "cookies", kind = "string_array", secret = true },
  } },
  [923] = { name = "OPEN_URL_RESPONSE", from = "server", fields = {
    [1] = { name = "response_code", kind = "u32" },
    [2] = { name = "content", kind = "bytes" },
    [3] = { name = "ttl", kind = "u64" },
    [11] = { name = "cookies", kind = "string_array", secret = true },
  } },
  [928] = { name = "GET_EMOTICONS_COMPLETE", from = "server", fields = {} },
  [935] = { name = "GET_GIFT", from = "client", fields = {
    [1] = { name = "limit", kind = "u32" },
  } },
  [936] = { name = "GIFT_HOTKEYS", from = "server", fields = {
    [1] = { name = "hotkeys", kind = "string_array" },
    [2] = { name = "names", kind = "string_array" },
    [3] = { name = "prices", kind = "string_array" },
  } },
  [937] = { name = "GET_EMOTICON_HOTKEYS", from = "client", fields = {
    [1] = { name = "session_id", kind = "string", secret = true },
  } },
  [938] = { name = "GET_STICKER_PACK_LIST", from = "client", fields = {} },
  [939] = { name = "STICKER_PACK_LIST", from = "server", fields = {
    [1] = { name = "sticker_pack_id_list", kind = "list( )" },
    [2] = { name = "version_list", kind = "list( )" },
  } },
  [940] = { name = "GET_STICKER_PACK", from = "client", fields = {
    [1] = { name = "sticker_pack_id_list", kind = "list( )" },
  } },
  [941] = { name = "STICKER_PACK", from = "server", fields = {
    [1] = { name = "sticker_pack_id", kind = "u32" },
    [2] = { name = "name", kind = "string" },
    [3] = { name = "hotkey_list", kind = "list( )" },
    [4] = { name = "icon_url", kind = "string" },
    [5] = { name = "version", kind = "string" },
  } },
  [942] = { name = "END_STICKER_PACK", from = "server", fields = {} },
}

-- Commands of services beside the chat. Nothing is known of their blocks.
local OTHERS = {
  [6] = "HELP_TEXT",
  [7] = "GET_HELP_TEXT",
  [8] = "SERVER_QUESTION",
  [9] = "SERVER_QUESTION_REPLY",
  [10] = "REPORT",
  [12] = "GET_MIDLET_PROPERTY",
  [13] = "HTTP_POLL",
  [18] = "GET_SERVER_QUESTION",
  [204] = "ACTIVATE_ACCOUNT",
  [205] = "RESEND_VERIFICATION_CODE",
  [206] = "IM_LOGIN",
  [207] = "IM_SESSION_STATUS",
  [208] = "IM_AVAILABLE",
  [302] = "IM_LOGOUT",
  [418] = "VOICE_CAPABILITY",
  [422] = "USER_EVENT",
  [501] = "WAP_PUSH",
  [503] = "MAIL_INFO",
  [800] = "PHONE_CALL",
  [801] = "WEBCALL",
  [802] = "WEBCALL_NOTIFICATION",
  [803] = "WEBCALL_RESPONSE",
  [804] = "DIAL",
  [805] = "COMPARE_CALL_RATE",
  [806] = "ANONYMOUS_CALL_NOTIFICATION",
  [807] = "ANONYMOUS_CALL_RESPONSE",
  [900] = "INVITE_FRIEND",
  [901] = "GET_ACCOUNT_BALANCE",
  [903] = "RECHARGE",
  [904] = "FORGOT_PASSWORD",
  [911] = "DYNAMIC_MENU",
  [912] = "WALLPAPER",
  [918] = "MIDLET_TAB",
  [920] = "MIDLET_ACTION",
  [921] = "CHANGE_USER_EVENT_SETTING",
  [924] = "TEXT_COLOR",
  [925] = "LANGUAGE",
  [926] = "GET_IM_ICONS",
  [927] = "IM_ICONS",
  [929] = "GET_DYNAMIC_MENU_ICON",
  [930] = "DYNAMIC_MENU_ICON",
  [931] = "GET_PRELOGIN_MARKETING_MSG",
  [932] = "PRELOGIN_MARKETING_MSG",
  [933] = "APPLICATION_MENU",
  [934] = "APPLICATION_MENU_COMPLETE",
  [959] = "GET_UPLOAD_DATA_TICKET",
  [960] = "UPLOAD_ADDRESS_BOOK_CONTACTS",
}

-- Commands whose unknown blocks may hold secrets.
local HOLDS_SECRETS = {
  [11] = true,
  [100] = true,
  [103] = true,
  [200] = true,
  [202] = true,
  [203] = true,
  [209] = true,
  [210] = true,
  [211] = true,
  [212] = true,
  [906] = true,
  [907] = true,
  [908] = true,
  [922] = true,
  [923] = true,
  [937] = true,
  [206] = true,
  [204] = true,
  [205] = true,
  [903] = true,
  [904] = true,
  [909] = true,
  [9] = true,
  [13] = true,
  [959] = true,
  [960] = true,
}

-- Packets that other servers fill otherwise (section 9), where block `told_by` has a length of this range.
local DIALECTS = {
  [718] = { told_by = 2, least = 1, most = 1, fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "kind", kind = "u8" },
    [3] = { name = "username", kind = "string" },
    [4] = { name = "text", kind = "string" },
  } },
  [720] = { told_by = 1, least = 2, most = 358400, fields = {
    [1] = { name = "chatroom_name", kind = "string" },
    [2] = { name = "username", kind = "string" },
    [3] = { name = "status", kind = "u8", values = VALUES.ChatUserStatus },
  } },
}

-- The integers: their width in bytes, and their largest value.
local WIDTH = { bool = 1, u8 = 1, u16 = 2, u32 = 4, u64 = 8 }
local LARGEST = {
  bool = UInt64(1), u8 = UInt64(0xff), u16 = UInt64(0xffff), u32 = UInt64(0xffffffff), u64 = UInt64.max(),
}

-- ---------------------------------------------------------------------------------------------------------------------
-- What can be filtered for: the parts of every packet, and mig33.PACKET.FIELD for each field, mig33.login.username

local command_names = {}
for command, name in pairs(OTHERS) do command_names[command] = name end
for command, packet in pairs(PACKETS) do command_names[command] = packet.name end

local parts = {
  magic = ProtoField.uint8("mig33.magic", "Magic", base.HEX),
  command = ProtoField.uint16("mig33.command", "Command", base.DEC, command_names),
  transaction = ProtoField.uint16("mig33.transaction", "Transaction"),
  length = ProtoField.uint32("mig33.length", "Length of the blocks"),
  from = ProtoField.string("mig33.from", "Sent by"),
  block = ProtoField.none("mig33.block", "Block"),
  block_id = ProtoField.uint16("mig33.block.id", "Block id"),
  block_length = ProtoField.uint32("mig33.block.length", "Block length"),
  unknown = ProtoField.bytes("mig33.unknown", "Unknown block"),
  text = ProtoField.string("mig33.text", "As text"),
  secret = ProtoField.none("mig33.secret", "Secret"),
  misfit = ProtoField.bytes("mig33.misfit", "Content that does not fit"),
}

-- The type of the field for each kind; what holds many values is added once for each of them.
local FIELD_TYPES = {
  bool = ProtoField.bool, u8 = ProtoField.uint8, u16 = ProtoField.uint16, u32 = ProtoField.uint32,
  u64 = ProtoField.uint64, string = ProtoField.string, bytes = ProtoField.bytes, list = ProtoField.string,
  string_array = ProtoField.string, u8_array = ProtoField.uint8, u64_array = ProtoField.uint64,
}

local function field_type(packet, field)
  local filter = "mig33." .. packet.name:lower() .. "." .. field.name
  local make = FIELD_TYPES[field.kind:match("^[%w_]+")] -- `list` of `list(;)`
  if field.values then return make(filter, field.name, base.DEC, field.values) end
  return make(filter, field.name)
end

local fields = {}
for _, part in pairs(parts) do table.insert(fields, part) end
for command, packet in pairs(PACKETS) do
  local by_name = {}
  for _, field in pairs(packet.fields) do
    field.type = field_type(packet, field)
    by_name[field.name] = field.type
    table.insert(fields, field.type)
  end
  -- a dialect's field is filtered for as the catalogue's of the same name
  local dialect = DIALECTS[command]
  for _, field in pairs(dialect and dialect.fields or {}) do
    field.type = by_name[field.name] or field_type(packet, field)
    if not by_name[field.name] then table.insert(fields, field.type) end
  end
end
mig33.fields = fields

local function problem(name, text, group, severity)
  return ProtoExpert.new("mig33." .. name, text, group, severity)
end

local problems = {
  framing = problem("framing", "Bytes that are no packet", expert.group.MALFORMED, expert.severity.ERROR),
  blocks = problem("blocks", "Blocks that are broken", expert.group.MALFORMED, expert.severity.ERROR),
  cut = problem("cut", "A capture without all of the packet", expert.group.UNDECODED, expert.severity.WARN),
  value = problem("value", "A content that does not fit its field", expert.group.MALFORMED, expert.severity.ERROR),
  width = problem("width", "An integer in another width", expert.group.PROTOCOL, expert.severity.NOTE),
  zero = problem("zero", "A zero byte: what is behind it is not shown", expert.group.PROTOCOL, expert.severity.NOTE),
  repeated = problem("repeated", "A repeated block: the first counts", expert.group.PROTOCOL, expert.severity.NOTE),
}
mig33.experts = problems

-- ---------------------------------------------------------------------------------------------------------------------
-- What a block holds. Each function adds it to the block's item and gives what the item is to say.

-- The value of an integer of 1, 2, 4 or 8 bytes, whatever width the field has (section 2).
local function integer_value(content)
  local length = content:len()
  if length == 8 then return content:uint64() end
  if length == 1 or length == 2 or length == 4 then return UInt64(content:uint()) end
end

local function add_misfit(item, field, content, why)
  item:add(parts.misfit, content):add_proto_expert_info(problems.value, why)
  return field.name .. ": " .. why
end

local function add_integer(item, field, content)
  local value = integer_value(content)
  if not value then
    return add_misfit(item, field, content, "an integer has 1, 2, 4 or 8 bytes, not " .. content:len())
  end
  if value > LARGEST[field.kind] then
    return add_misfit(item, field, content, tostring(value) .. " is more than the field can hold")
  end
  if field.kind == "bool" then
    value = value == UInt64(1)
  elseif field.kind ~= "u64" then
    value = value:tonumber()
  end
  local added = item:add(field.type, content, value)
  if content:len() ~= WIDTH[field.kind] then
    added:add_proto_expert_info(problems.width, ("%d bytes instead of %d"):format(content:len(), WIDTH[field.kind]))
  end
  return added.text
end

local function add_string(item, field, content)
  local added = item:add_packet_field(field.type, content, ENC_UTF_8)
  if content:raw():find("\0", 1, true) then added:add_proto_expert_info(problems.zero) end
  return added.text
end

-- Whether bytes are UTF-8 without a zero byte.
local function is_text(content)
  local raw = content:raw()
  return raw ~= "" and not raw:find("\0", 1, true) and content:string(ENC_UTF_8) == raw
end

local function add_bytes(item, name, type, content)
  local added = item:add(type, content)
  local text = is_text(content) and added:add_packet_field(parts.text, content, ENC_UTF_8).text
  if text then return text:gsub("^As text", name) end
  return ("%s: %d bytes"):format(name, content:len())
end

-- Strings between separators. What ends with one has an empty string behind it.
local function add_strings(item, field, content, separator)
  if content:len() == 0 then return field.name .. ": none" end
  local raw, first, count = content:raw(), 1, 0
  repeat
    local last = raw:find(separator, first, true)
    local length = (last or #raw + 1) - first
    -- Wireshark has no range behind the last byte, not even an empty one
    add_string(item, field, content:range(math.min(first, #raw) - 1, length))
    first, count = first + length + 1, count + 1
  until not last
  return ("%s: %d strings"):format(field.name, count)
end

local function add_integers(item, field, content, width)
  if content:len() % width ~= 0 then
    return add_misfit(item, field, content, ("%d bytes are no values of %d bytes"):format(content:len(), width))
  end
  for at = 0, content:len() - width, width do
    local entry = content:range(at, width)
    item:add(field.type, entry, width == 8 and entry:uint64() or entry:uint())
  end
  return ("%s: %d values"):format(field.name, content:len() / width)
end

local function add_content(item, field, content)
  local kind = field.kind
  if WIDTH[kind] then return add_integer(item, field, content) end
  if kind == "string" then return add_string(item, field, content) end
  if kind == "bytes" then return add_bytes(item, field.name, field.type, content) end
  if kind == "string_array" then return add_strings(item, field, content, "\0") end
  if kind == "u8_array" then return add_integers(item, field, content, 1) end
  if kind == "u64_array" then return add_integers(item, field, content, 8) end
  return add_strings(item, field, content, kind:match("^list%((.)%)$"))
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Packets

local UNKNOWN = "(unknown)"

-- Whether a content can have another block within it, because its length is wrong: the header of one has a zero byte.
local function takes_in(field, content)
  if content:len() == 0 then return false end
  if not WIDTH[field.kind] then return content:raw():find("\0", 1, true) end
  local value = integer_value(content)
  return not value or value > LARGEST[field.kind]
end

-- What the blocks of a packet are: the catalogue's, or those of the dialect that it speaks.
local function fields_of(tvb, command)
  local packet, dialect = PACKETS[command], DIALECTS[command]
  local at = HEADER
  while dialect and at + BLOCK_HEADER <= tvb:len() do
    local length = tvb(at + 2, 4):uint()
    if length > tvb:len() - at - BLOCK_HEADER then break end
    if tvb(at, 2):uint() == dialect.told_by then
      if length >= dialect.least and length <= dialect.most then return dialect.fields end
      break
    end
    at = at + BLOCK_HEADER + length
  end
  return packet and packet.fields or {}
end

-- Adds a block that is whole, and gives what its item is to say.
local function add_block(item, command, field, content)
  local is_secret = field and field.secret
    or HOLDS_SECRETS[command] and (not field or takes_in(field, content))
  if is_secret and content:len() > 0 and not mig33.prefs.show_secrets then
    item:add(parts.secret, content):set_text("Not shown: see the preferences of the protocol")
    return (field and field.name or UNKNOWN) .. ": (secret)"
  end
  if field then return add_content(item, field, content) end
  return add_bytes(item, UNKNOWN, parts.unknown, content)
end

-- Adds the blocks of a packet; those that came before one that is broken are shown.
local function add_blocks(tree, tvb, command)
  local at, seen, is_cut = HEADER, {}, tvb:len() < tvb:reported_len()
  local fields = fields_of(tvb, command)
  while at < tvb:len() do
    local left = tvb:len() - at
    local length = left >= BLOCK_HEADER and tvb(at + 2, 4):uint()
    if not length or length > left - BLOCK_HEADER then
      local why = length and ("block %d of %d bytes runs past its packet"):format(tvb(at, 2):uint(), length)
        or ("%d bytes are left over"):format(left)
      -- behind a length that is wrong, they may be bytes of a password
      if length and HOLDS_SECRETS[command] and not mig33.prefs.show_secrets then why = "a block runs past its packet" end
      if not is_cut then tree:add_proto_expert_info(problems.blocks, why) end
      return
    end
    local id = tvb(at, 2):uint()
    local item = tree:add(parts.block, tvb(at, BLOCK_HEADER + length))
    item:add(parts.block_id, tvb(at, 2))
    item:add(parts.block_length, tvb(at + 2, 4))
    local says = add_block(item, command, fields[id], tvb(at + BLOCK_HEADER, length))
    item:set_text(("Block %d, %s"):format(id, says))
    if seen[id] then item:add_proto_expert_info(problems.repeated) end
    seen[id] = true
    at = at + BLOCK_HEADER + length
  end
end

-- Which end of a TCP connection is the client: its port. Told by the first packet that only one side sends.
local stream_of = Field.new("tcp.stream")
local client_ports = {}

function mig33.init()
  client_ports = {}
end

-- Who sent a packet, `client` or `server`, if that is known.
local function sender(pinfo, command)
  local packet, stream = PACKETS[command], stream_of()
  local from = packet and packet.from
  if not stream then return from end
  if from and not client_ports[stream.value] then
    client_ports[stream.value] = from == "client" and pinfo.src_port or pinfo.dst_port
  end
  local client = client_ports[stream.value]
  return client and (pinfo.src_port == client and "client" or "server")
end

-- Why bytes, at least a header, cannot begin a packet (section 2).
local function no_packet(header)
  local magic, length = header(0, 1):uint(), header(5, 4):uint()
  if magic ~= MAGIC then return ("a packet starts with %02x, not %02x"):format(MAGIC, magic) end
  if length > MAX_PARAMS then return ("PACK_LEN %d is more than %d"):format(length, MAX_PARAMS) end
end

-- The length of the packet that begins at `offset`; of what is none, all that is there.
local function packet_length(tvb, _, offset)
  if tvb:len() - offset < HEADER then return HEADER end -- the capture has no more, though there was
  local header = tvb(offset, HEADER)
  if no_packet(header) then return tvb:len() - offset end
  return HEADER + header(5, 4):uint()
end

-- Whether `mig33 tap --write` has put other bytes in the place of these, which it says in a comment.
local comment_of = Field.new("frame.comment")
local function is_masked()
  local comment = comment_of()
  return comment and comment.value:find("mig33 tap: masked", 1, true) == 1
end

-- Adds to the column that sums up a segment.
local function tell(pinfo, from, what)
  local info = pinfo.cols.info
  local is_first = tostring(info) == ""
  info:append((is_first and (from and from .. ": " or "") or ", ") .. what)
  info:fence()
end

local function dissect_packet(tvb, pinfo, tree)
  local root = tree:add(mig33, tvb())
  if tvb:len() < tvb:reported_len() then
    local why = ("%d of %d bytes are in the capture"):format(tvb:len(), tvb:reported_len())
    root:add_proto_expert_info(problems.cut, why)
  end
  if tvb:len() < HEADER then
    tell(pinfo, nil, "a packet that was cut short")
    return tvb:len()
  end
  local why = no_packet(tvb)
  if why then
    local masked = is_masked()
    root:add_proto_expert_info(problems.framing, masked and "bytes that were no packet, masked by mig33 tap" or why)
    tell(pinfo, nil, masked and "masked bytes that were no packet" or "bytes that are no packet")
    return tvb:len()
  end
  local command, transaction = tvb(1, 2):uint(), tvb(3, 2):uint()
  local name = command_names[command] or ("command %d"):format(command)
  local from = sender(pinfo, command)

  root:add(parts.magic, tvb(0, 1))
  root:add(parts.command, tvb(1, 2))
  root:add(parts.transaction, tvb(3, 2))
  root:add(parts.length, tvb(5, 4))
  if from then root:add(parts.from, from):set_generated() end
  add_blocks(root, tvb, command)

  root:set_text(("mig33 %s, transaction %d%s"):format(name, transaction, from and ", from the " .. from or ""))
  tell(pinfo, from, ("%s #%d"):format(name, transaction))
  return tvb:len()
end

-- ---------------------------------------------------------------------------------------------------------------------
-- TCP connections: those of the ports, and those that begin with a packet of a known kind

-- A segment may hold many packets, and a packet many segments.
local function dissect(tvb, pinfo, tree)
  pinfo.cols.protocol = "mig33"
  pinfo.cols.info:clear()
  dissect_tcp_pdus(tvb, tree, HEADER, packet_length, dissect_packet)
  return tvb:len()
end

mig33.dissector = dissect

local function looks_like_mig33(tvb)
  if tvb:len() < HEADER or no_packet(tvb) or not command_names[tvb(1, 2):uint()] then return false end
  local params = tvb(5, 4):uint()
  if params == 0 then return true end
  if params < BLOCK_HEADER or tvb:len() < HEADER + BLOCK_HEADER then return false end
  return tvb(HEADER + 2, 4):uint() <= params - BLOCK_HEADER
end

mig33:register_heuristic("tcp", function(tvb, pinfo, tree)
  if not looks_like_mig33(tvb) then return false end
  pinfo.conversation = mig33
  dissect(tvb, pinfo, tree)
  return true
end)

local tcp_ports = DissectorTable.get("tcp.port")
local ports = mig33.prefs.ports
tcp_ports:add(ports, mig33)

function mig33.prefs_changed()
  if ports == mig33.prefs.ports then return end
  tcp_ports:remove(ports, mig33)
  ports = mig33.prefs.ports
  tcp_ports:add(ports, mig33)
end
