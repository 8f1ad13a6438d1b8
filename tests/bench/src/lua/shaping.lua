-- Dispatch and reply with what the filter does between them: the result is parsed, and shaped by its keys.
-- PATH, AUTHORITY, AUTHORIZATION and HAS_BODY stand above, and json.lua.
local GATEWAY = {}
for _, name in ipairs({ "connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
  "content-length", "date", "server", "x-openwhisk-activation-id" }) do
  GATEWAY[name] = true
end
local TEXTS = {}
for _, name in ipairs({ "json", "x-www-form-urlencoded", "xml", "javascript", "x-javascript", "ecmascript" }) do
  TEXTS["application/" .. name] = true
end
local SEXTETS = {}
for at = 1, 64 do
  SEXTETS[byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", at)] = at - 1
end

local function broken(rule)
  error("the result of the action breaks a rule: " .. rule, 0)
end

local function base64(text)
  local bytes, count, bits, held = {}, 0, 0, 0
  for at = 1, #(text:gsub("=+$", "")) do
    held = held % 0x1000000 * 64 + (SEXTETS[byte(text, at)] or broken("base64"))
    bits = bits + 6
    if bits >= 8 then
      bits = bits - 8
      count = count + 1
      bytes[count] = char(floor(held / 2 ^ bits) % 256)
    end
  end
  return concat(bytes)
end

local function is_binary(content_type)
  local kind = content_type:lower()
  local name = kind:match("^%s*([^;,]*)"):match("^(.-)%s*$")
  return not (TEXTS[name] or name:find("^text/") or name:find("%+json$") or name:find("%+xml$")
    or kind:find("[;,]%s*charset="))
end

local function header_value(value)
  local kind = type(value)
  if kind == "table" then broken("headers") end
  local text = kind == "string" and value:match("^[ \t]*(.-)[ \t]*$") or tostring(value)
  if find(text, "[%z\1-\8\10-\31\127]") then broken("headers") end
  return text
end

local function status_of(value)
  if type(value) == "string" and not find(value, "^%d+$") then broken("statusCode") end
  local status = tonumber(value)
  if not status or status ~= floor(status) or status < 200 or status > 599 then broken("statusCode") end
  return status
end

-- The headers of the reply, with its status, and its body.
local function shaped(result, text, raw)
  local headers, content_type = {}, nil
  if raw.headers and (type(result.headers) ~= "table" or result.headers == NULL) then broken("headers") end
  for name, value in pairs(result.headers or {}) do
    name = name:lower()
    if not GATEWAY[name] and byte(name) ~= 58 then
      if not find(name, "^[%w!#$%%&'*+%-.^_`|~]+$") then broken("headers") end
      if type(value) == "table" and value ~= NULL and (value[1] or not next(value)) then
        for at, element in ipairs(value) do value[at] = header_value(element) end
      else
        value = header_value(value)
      end
      headers[name] = value
    end
  end
  content_type, headers["content-type"] = headers["content-type"], nil
  if type(content_type) == "table" then content_type = content_type[1] end

  local body, flag = result.body, result.isBase64Encoded
  if flag ~= nil and type(flag) ~= "boolean" then broken("isBase64Encoded") end
  if body == NULL or body == "" then
    body = nil
  elseif type(body) == "string" then
    content_type = content_type or "text/html; charset=UTF-8"
    if flag or (flag == nil and is_binary(content_type)) then body = base64(body) end
  elseif body ~= nil then
    if flag then broken("body") end
    content_type = content_type or "application/json"
    body = sub(text, raw.body[1], raw.body[2])
  end
  local status = raw.statusCode and status_of(result.statusCode) or (body and 200 or 204)
  if status == 204 or status == 205 or status == 304 then body = nil end
  headers[":status"] = tostring(status)
  if body then headers["content-type"] = content_type end
  return headers, body
end

local function reply(text)
  local result, raw = decode(text)
  if raw and (raw.statusCode or raw.headers or raw.body) then return shaped(result, text, raw) end
  return { [":status"] = "200", ["content-type"] = "application/json" }, text
end

function envoy_on_request(request)
  local sent
  if HAS_BODY then
    local body = request:body()
    sent = body:getBytes(0, body:length())
  end
  local answer, result = request:httpCall("openwhisk", {
    [":method"] = "POST",
    [":path"] = PATH,
    [":authority"] = AUTHORITY,
    ["accept"] = "application/json",
    ["content-type"] = "application/json",
    ["user-agent"] = "shaping-lua/1",
    ["authorization"] = AUTHORIZATION,
    ["x-request-id"] = request:headers():get("x-request-id"),
  }, sent, 60000)
  local headers, body
  if answer[":status"] == "200" then
    local is_good, first, second = pcall(reply, result)
    if is_good then
      headers, body = first, second
    else
      headers, body = { [":status"] = "502", ["content-type"] = "text/plain" }, first
    end
  else
    headers, body = { [":status"] = answer[":status"], ["content-type"] = "application/json" }, result
  end
  headers["x-openwhisk-activation-id"] = answer["x-openwhisk-activation-id"]
  request:respond(headers, body)
end
