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

-- @tables

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
