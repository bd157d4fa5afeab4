-- Replays raw HTTP requests captured by captured.py.
--   wrk ... -s wrk.lua URL -- MODE FILE
-- FILE holds frames, "<length>\n<bytes>" each.  MODE:
--   plain    the frames round robin, byte for byte (so their signatures hold)
--   cycle    SQS receive and delete, then a third frame, if there is one, that sends: at a constant
--            queue depth. HANDLE0HANDLE becomes the received handle, LEN0LEN the delete's length
-- Prints one line, "JSON {...}".
local threads = {}
hits = 0 -- messages received (cycle); global, for thread:get

function setup(thread)
   table.insert(threads, thread)
end

local function split(text, marker)
   local parts, at = {}, 1
   while true do
      local s, e = text:find(marker, at, true)
      parts[#parts + 1] = text:sub(at, (s or 0) - 1)
      if not s then return parts end
      at = e + 1
   end
end

local function read_frames(path)
   local f, frames = assert(io.open(path, "rb")), {}
   for len in function() return f:read("*l") end do
      frames[#frames + 1] = f:read(tonumber(len))
   end
   f:close()
   return frames
end

local function cycle(receive, delete, send)
   local head, body = delete:match("^(.-\r\n\r\n)(.*)$")
   head, body = split(head, "LEN0LEN"), split(body, "HANDLE0HANDLE")
   local handles, owed = {}, 0
   function request()
      local handle = table.remove(handles)
      if handle then
         owed = owed + 1
         local text = table.concat(body, handle)
         return head[1] .. #text .. head[2] .. text
      elseif send and owed > 0 then
         owed = owed - 1
         return send
      end
      return receive
   end
   function response(_, _, text)
      local handle = text:match('"ReceiptHandle"%s*:%s*"(.-)"')
      if handle then
         handles[#handles + 1] = handle
         hits = hits + 1
      end
   end
end

function init(args)
   local mode, frames, n = args[1], read_frames(args[2]), 0
   if mode == "cycle" then return cycle(frames[1], frames[2], frames[3]) end
   function request()
      n = n + 1
      return frames[n % #frames + 1]
   end
end

function done(summary, latency, _)
   local e, got = summary.errors, 0
   for _, t in ipairs(threads) do got = got + t:get("hits") end
   io.write(string.format(
      'JSON {"requests":%d,"us":%d,"p50":%d,"p99":%d,"hits":%d,"socket_errors":%d,"timeouts":%d,"bad_status":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), got,
      e.connect + e.read + e.write, e.timeout, e.status))
end
