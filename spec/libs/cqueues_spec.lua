-- ebb.cqueues: controllers and sockets of cqueues in tasks, and lua-http.

local common = require "common"
local ebb = require "ebb"
local programs = require "programs"
local run = require "run"

local missing = programs.missing {cqueues = "lua-cqueues"}
if missing then return pending("ebb.cqueues " .. missing) end

programs.use_older_modules()
-- An earlier spec in this process may have loaded it.
local cqueues = require "ebb.cqueues"
local condition = require "cqueues.condition"
local promise = require "cqueues.promise"
local socket = require "cqueues.socket"

local time = ebb.time
local settle = ebb.yield_now

local function turns(n) for _ = 1, n do settle() end end

-- A controller with a coroutine for each function.
local function controller_of(...)
  local controller = cqueues.new()
  for _, f in ipairs {...} do controller:wrap(f) end
  return controller
end

describe("a controller in a task", function()
  before_each(time.pause)
  after_each(time.resume)

  it("runs its coroutines while other tasks run", function()
    local polls, turns_of_main = 0, 0
    local controller = controller_of(function()
      for i = 1, 10 do
        polls = i
        cqueues.poll()
      end
    end)
    local task = ebb.spawn(controller.loop, controller)
    while polls < 10 do
      turns_of_main = turns_of_main + 1
      settle()
    end
    assert.is_true(turns_of_main > 10)
    assert.same({true, true}, {task:join()})
  end)

  it("waits for the timeouts of its coroutines", function()
    time.resume()
    local woken = 0
    local controller = controller_of(
      function() cqueues.sleep(0.001) woken = woken + 1 end,
      function() cqueues.sleep(0.002) woken = woken + 1 end)
    assert.is_true(ebb.spawn(controller.loop, controller):await())
    assert.equal(2, woken)
    time.pause()
  end)

  it("returns at once when it is empty", function()
    assert.is_true(cqueues.new():step())
    assert.is_true(cqueues.new():loop())
  end)

  it("steps no longer than it is given", function()
    local signal = condition.new()
    local controller = controller_of(function() signal:wait() end)
    local begun = time.now()
    assert.is_true(controller:step(3))
    assert.is_true(controller:step(3))
    assert.is_true(time.now() - begun < 6.5)
    assert.equal(1, controller:count())
    signal:signal()
    assert.is_true(controller:loop())
  end)

  it("gives the errors of its coroutines", function()
    local controller = controller_of(function() error("mine", 0) end)
    local ok, message = controller:loop()
    assert.same({false, "mine"}, {ok, message})
  end)

  it("may run in another one", function()
    local order = {}
    local inner = controller_of(function() order[1] = "inner" end)
    local outer = controller_of(function()
      assert(inner:loop())
      order[2] = "outer"
    end)
    assert.is_true(outer:loop())
    assert.same({"inner", "outer"}, order)
  end)

  it("runs beside others in other tasks", function()
    local done = {}
    local tasks = {}
    for i = 1, 20 do
      local signal = condition.new()
      local controller = controller_of(
        function() signal:wait() done[#done + 1] = i end,
        function()
          cqueues.poll()
          signal:signal()
        end)
      tasks[i] = ebb.spawn(controller.loop, controller)
    end
    for i = 1, 20 do assert.is_true(tasks[i]:await()) end
    assert.equal(20, #done)
  end)

  it("goes on in another task when its own is aborted", function()
    local signal, woken = condition.new(), false
    local controller = controller_of(function()
      signal:wait()
      woken = true
    end)
    local task = ebb.spawn(controller.loop, controller)
    turns(10)
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    signal:signal()
    assert.is_true(controller:loop())
    assert.is_true(woken)
  end)

  it("is not broken by a wait of ebb in a coroutine, nor its abort", function()
    local log = {}
    local function wait_and_log(name)
      return function()
        ebb.sleep(1)
        log[#log + 1] = name
      end
    end
    local one = controller_of(wait_and_log "one")
    local other = controller_of(wait_and_log "other")
    local first = ebb.spawn(one.loop, one)
    local second = ebb.spawn(other.loop, other)
    turns(5)
    first:abort()
    first:join()
    assert.is_true(second:await())
    assert.is_true(one:loop())
    table.sort(log)
    assert.same({"one", "other"}, log)
  end)
end)

describe("cqueues.poll in a task", function()
  before_each(time.pause)
  after_each(time.resume)

  it("yields when there is nothing to poll", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    cqueues.poll()
    assert.is_true(ran)
  end)

  it("sleeps", function()
    local begun = time.now()
    assert.equal(2.5, cqueues.poll(2.5))
    cqueues.sleep(1.5)
    assert.near(4, time.now() - begun, 1e-6)
  end)

  it("waits for a signal", function()
    local signal = condition.new()
    local task = ebb.spawn(cqueues.poll, signal)
    local other = ebb.spawn(signal.wait, signal)
    settle()
    assert.is_false(task:is_finished())
    signal:signal()
    assert.equal(signal, task:await())
    assert.is_true(other:await())
  end)

  it("misses no signal that comes right after", function()
    local signal = condition.new()
    local task = ebb.spawn(signal.wait, signal)
    ebb.spawn(signal.signal, signal)
    assert.is_true(task:await())
  end)

  it("waits for the first of several objects", function()
    local one, other = condition.new(), condition.new()
    local task = ebb.spawn(cqueues.poll, one, other, 100)
    settle()
    other:signal()
    assert.equal(other, task:await())
  end)

  it("gives a timeout that is over", function()
    time.resume()
    assert.equal(0.001, cqueues.poll(condition.new(), 0.001))
    local a <const>, b <const> = socket.pair()
    assert.equal(0.001, cqueues.poll(a, 0.001))
    a:close()
    b:close()
    time.pause()
  end)

  it("leaves no trace of a task that is aborted", function()
    local signal = condition.new()
    local task = ebb.spawn(signal.wait, signal)
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    local next = ebb.spawn(signal.wait, signal)
    settle()
    signal:signal()
    assert.is_true(next:await())
  end)

  it("has promises wait", function()
    local p = promise.new()
    local task = ebb.spawn(p.get, p)
    settle()
    p:set(true, "value")
    assert.equal("value", task:await())
  end)
end)

describe("a socket of cqueues in a task", function()
  local mine, theirs
  before_each(function()
    mine, theirs = socket.pair()
    mine:setmode("b", "bn")
    theirs:setmode("b", "bn")
  end)
  after_each(function()
    mine:close()
    theirs:close()
  end)

  it("is read while others run", function()
    local task = ebb.spawn(mine.read, mine, "*l")
    turns(10)
    assert.is_false(task:is_finished())
    theirs:write "hello\n"
    assert.equal("hello", task:await())
  end)

  it("is written to while the other end takes it", function()
    local text = ("0123456789"):rep(100000)
    local task = ebb.spawn(function()
      mine:write(text)
      mine:shutdown "w"
    end)
    assert.is_true(theirs:read "*a" == text)
    assert.is_true((task:join()))
  end)

  it("tells the task that waits for it when it is closed", function()
    local task = ebb.spawn(mine.read, mine, "*l")
    turns(5)
    assert.is_false(task:is_finished())
    mine:close()
    assert.is_false((task:join()))
  end)

  it("tells the task that waits for it when it is cancelled", function()
    mine:recv(1) -- there is nothing, so it will wait for that
    local task = ebb.spawn(cqueues.poll, mine)
    turns(5)
    cqueues.cancel(mine:pollfd())
    assert.equal(mine, task:await())
  end)

  it("connects and accepts", function()
    local server = socket.listen("127.0.0.1", 0)
    local task = ebb.spawn(server.accept, server)
    local _, _, port = server:localname()
    local client = assert(socket.connect("127.0.0.1", port))
    assert(client:connect())
    client:setmode("b", "bn")
    client:write "hi\n"
    assert.equal("hi", task:await():read "*l")
    client:close()
    server:close()
  end)
end)

describe("ebb.cqueues.block_on", function()
  it("has only the coroutine of a controller wait", function()
    time.pause()
    local log = {}
    local controller = controller_of(
      function()
        log[#log + 1] = cqueues.block_on(function(name)
          ebb.sleep(5)
          return name
        end, "slow")
      end,
      function() log[#log + 1] = "fast" end)
    assert.is_true(controller:loop())
    assert.same({"fast", "slow"}, log)
    time.resume()
  end)

  it("gives results and raises errors, in tasks as well", function()
    local function check()
      assert.same({1, nil, 3}, {cqueues.block_on(function()
        return 1, nil, 3
      end)})
      assert.equal("mine", common.error_of(cqueues.block_on, function()
        error("mine", 0)
      end))
      return true
    end
    assert.is_true(ebb.spawn(check):await())
    local ok
    assert.is_true(controller_of(function() ok = check() end):loop())
    assert.is_true(ok)
  end)
end)

describe("require \"ebb.cqueues\"", function()
  it("is refused when others have functions that block already", function()
    local code, _, err = run 'require "cqueues.socket" require "ebb.cqueues"'
    assert.equal(1, code)
    assert.matches('require "ebb.cqueues" before', err, 1, true)
  end)
end)

describe("lua-http in tasks", function()
  local lacking = programs.missing {["http.server"] = "lua-http"}
  if lacking then return pending(lacking) end
  local headers, request, http_server =
    require "http.headers", require "http.request", require "http.server"
  local server, running, url

  local function reply(_, stream)
    local asked = assert(stream:get_headers())
    local path = asked:get ":path"
    if path == "/slow" then cqueues.block_on(ebb.sleep, 0.001) end
    local body = stream:get_body_as_string()
    local answer = headers.new()
    answer:append(":status", path == "/none" and "404" or "200")
    assert(stream:write_headers(answer, false))
    assert(stream:write_chunk(asked:get ":method" .. path .. body, true))
  end

  setup(function()
    server = assert(http_server.listen {
      host = "127.0.0.1", port = 0, onstream = reply,
      -- A client that has gone is nothing to report.
      onerror = common.nothing
    })
    assert(server:listen())
    local _, _, port = server:localname()
    url = "http://127.0.0.1:" .. port
    running = ebb.spawn(server.loop, server)
  end)
  teardown(function()
    running:abort()
    running:join()
    server:close()
  end)

  local function fetch(path, body)
    local asked = request.new_from_uri(url .. path)
    if body then
      asked.headers:upsert(":method", "POST")
      asked:set_body(body)
    end
    local answer, stream = asked:go(20)
    if not answer then error(stream) end
    return answer:get ":status", stream:get_body_as_string()
  end

  it("asks and answers", function()
    assert.same({"200", "GET/a"}, {fetch "/a"})
    assert.same({"404", "GET/none"}, {fetch "/none"})
    assert.same({"200", "POST/bbody"}, {fetch("/b", "body")})
  end)

  it("asks and answers for 100 tasks at once", function()
    local map <close> = ebb.JoinMap.new()
    for i = 1, 100 do
      if i % 2 == 0 then
        map:spawn(i, fetch, "/slow", "")
      else
        map:spawn(i, fetch, "/" .. i, ("x"):rep(i * 1000))
      end
    end
    for i, ok, status, body in map.join_next, map do
      assert.is_true(ok, tostring(status))
      assert.equal("200", status)
      assert.is_true(body == (i % 2 == 0 and "POST/slow" or
                     "POST/" .. i .. ("x"):rep(i * 1000)))
    end
  end)

  it("asks several things of one connection of HTTP 2 at once", function()
    local client = require "http.client"
    local _, host, port = server:localname()
    local connection = assert(client.connect {
      host = host, port = port, version = 2
    })
    local function ask(i)
      local stream = assert(connection:new_stream())
      local asked = headers.new()
      asked:append(":method", "GET")
      asked:append(":scheme", "http")
      asked:append(":authority", host)
      asked:append(":path", i % 2 == 0 and "/slow" or "/" .. i)
      assert(stream:write_headers(asked, true))
      return assert(stream:get_headers(20)):get ":status",
        stream:get_body_as_string(20)
    end
    local map <close> = ebb.JoinMap.new()
    for i = 1, 10 do map:spawn(i, ask, i) end
    for i, ok, status, body in map.join_next, map do
      assert.is_true(ok, tostring(status))
      assert.equal("200", status)
      assert.equal(i % 2 == 0 and "GET/slow" or "GET/" .. i, body)
    end
    connection:close()
  end)

  it("is not disturbed by clients that are aborted", function()
    local map <close> = ebb.JoinMap.new()
    for i = 1, 20 do map:spawn(i, fetch, "/slow") end
    turns(20)
    for i = 1, 20, 2 do map:abort(i) end
    for i, ok, status in map.join_next, map do
      if i % 2 == 0 then
        assert.is_true(ok, tostring(status))
        assert.equal("200", status)
      end
    end
    assert.same({"200", "GET/after"}, {fetch "/after"})
  end)
end)
