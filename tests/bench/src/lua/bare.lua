-- The same dispatch and reply as the filter's, and nothing else: no check of anything.
-- PATH, AUTHORITY, AUTHORIZATION and HAS_BODY stand above.
function envoy_on_request(request)
  local sent
  if HAS_BODY then
    local body = request:body()
    sent = body:getBytes(0, body:length())
  end
  local _, result = request:httpCall("openwhisk", {
    [":method"] = "POST",
    [":path"] = PATH,
    [":authority"] = AUTHORITY,
    ["accept"] = "application/json",
    ["content-type"] = "application/json",
    ["user-agent"] = "bare-lua/1",
    ["authorization"] = AUTHORIZATION,
  }, sent, 60000)
  request:respond({ [":status"] = 200, ["content-type"] = "application/json" }, result)
end
