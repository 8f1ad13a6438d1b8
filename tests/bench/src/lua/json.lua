-- JSON (RFC 8259) as tables. Of an object at the top the values as they stand in the text are kept, too, so that
-- a reply need not encode again what it only hands on.
local find, sub, byte, char, concat = string.find, string.sub, string.byte, string.char, table.concat
local floor = math.floor
local NULL = {}
local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function fail(at)
  error("not JSON at byte " .. at, 0)
end

local function skip(text, at)
  return find(text, "[^ \t\r\n]", at) or #text + 1
end

local function utf8(code)
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return char(0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40, 0x80 + floor(code / 0x40) % 0x40,
    0x80 + code % 0x40)
end

local function hex(text, at)
  local digits = sub(text, at, at + 3)
  if not find(digits, "^%x%x%x%x$") then fail(at) end
  return tonumber(digits, 16)
end

-- From behind the backslash and the u: the character, and what follows.
local function escaped(text, at)
  local code, next = hex(text, at), at + 4
  if code >= 0xD800 and code <= 0xDBFF then
    if sub(text, next, next + 1) ~= "\\u" then fail(next) end
    local low = hex(text, next + 2)
    if low < 0xDC00 or low > 0xDFFF then fail(next) end
    return utf8(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), next + 6
  elseif code >= 0xDC00 and code <= 0xDFFF then
    fail(at)
  end
  return utf8(code), next
end

-- From behind the quote.
local function string_at(text, at)
  local pieces
  while true do
    local stop = find(text, '[%z\1-\31"\\]', at) or fail(at)
    local kind = byte(text, stop)
    local piece = sub(text, at, stop - 1)
    if kind == 34 then
      if not pieces then return piece, stop + 1 end
      pieces[#pieces + 1] = piece
      return concat(pieces), stop + 1
    elseif kind ~= 92 then
      fail(stop)
    end
    pieces = pieces or {}
    pieces[#pieces + 1] = piece
    local letter = sub(text, stop + 1, stop + 1)
    if letter == "u" then
      pieces[#pieces + 1], at = escaped(text, stop + 2)
    else
      pieces[#pieces + 1], at = ESCAPES[letter] or fail(stop), stop + 2
    end
  end
end

local function number_at(text, at)
  local _, last = find(text, "^-?%d+", at)
  if not last or find(text, "^-?0%d", at) then fail(at) end
  local _, fraction = find(text, "^%.%d+", last + 1)
  last = fraction or last
  local _, exponent = find(text, "^[eE][+-]?%d+", last + 1)
  last = exponent or last
  return tonumber(sub(text, at, last)), last + 1
end

local value_at

local function array_at(text, at)
  local array, count = {}, 0
  at = skip(text, at)
  if byte(text, at) == 93 then return array, at + 1 end
  while true do
    count = count + 1
    array[count], at = value_at(text, at)
    at = skip(text, at)
    local kind = byte(text, at)
    if kind == 93 then return array, at + 1 end
    if kind ~= 44 then fail(at) end
    at = skip(text, at + 1)
  end
end

local function object_at(text, at, raw)
  local object = {}
  at = skip(text, at)
  if byte(text, at) == 125 then return object, at + 1 end
  while true do
    if byte(text, at) ~= 34 then fail(at) end
    local name, start
    name, at = string_at(text, at + 1)
    at = skip(text, at)
    if byte(text, at) ~= 58 then fail(at) end
    start = skip(text, at + 1)
    object[name], at = value_at(text, start)
    if raw then raw[name] = { start, at - 1 } end
    at = skip(text, at)
    local kind = byte(text, at)
    if kind == 125 then return object, at + 1 end
    if kind ~= 44 then fail(at) end
    at = skip(text, at + 1)
  end
end

local WORDS = { [116] = { "true", true }, [102] = { "false", false }, [110] = { "null", NULL } }

function value_at(text, at, raw)
  local kind = byte(text, at)
  if kind == 34 then return string_at(text, at + 1) end
  if kind == 123 then return object_at(text, at + 1, raw) end
  if kind == 91 then return array_at(text, at + 1) end
  local word = WORDS[kind]
  if not word then return number_at(text, at) end
  local last = at + #word[1] - 1
  if sub(text, at, last) ~= word[1] then fail(at) end
  return word[2], last + 1
end

-- The value, and where the values of its keys stand in the text if it is an object.
local function decode(text)
  local start = skip(text, 1)
  local raw = byte(text, start) == 123 and {} or nil
  local value, at = value_at(text, start, raw)
  if skip(text, at) <= #text then fail(at) end
  return value, raw
end
