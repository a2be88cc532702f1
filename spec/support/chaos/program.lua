-- Writes small random programs, whose tasks, clean-ups, finalizers, hashers
-- and handlers do all that ebb can do, above all while their state closes.
-- The same seed gives the same text.
--
--   local text, count = program(seed, left_out)
--
-- Statements are numbered from 1 to count. Those in the table left_out are
-- missing, all else stays: so a program that fails can be made smaller.

local DEPTH <const>, MOST <const> = 3, 70

-- In these, $f is a function with statements of its own, $a what `away` does
-- in another state, $i a place in one of the world's tables, $k a key, $t a
-- time.
local waits = {
  "ebb.yield_now()", "ebb.sleep($t)", "ebb.sleep($t)",
  "ebb.consume_budget()", "coroutine.yield()", "time.sleep_until(5)",
  "handles[$i]:join()", "handles[$i]:await()", "handles[$i]:join()",
  "maps[$i]:join_next()", "maps[$i]:join_next()", "maps[$i]:join($k)",
  "maps[$i]:shutdown()", "maps[$i]:spawn($k, $f)",
  "for _ in maps[$i].join_next, maps[$i] do end",
  "sets[$i]:join_next()", "sets[$i]:join_all()", "sets[$i]:shutdown()",
  "locals[$i]:await()", "locals[$i]:run_until($f)",
  "locals[$i]:block_on($f)",
  "ebb.block_on($f)", "ebb.block_on($f)", "time.timeout($t, $f)",
  "time.timeout($t, $f)", "ebb.select{$f, $f}", "ebb.select{$f, $f}",
  "ebb.unconstrained($f)",
  "tx[$i]:send($k)", "rx[$i]:recv()", "rx[$i]:recv()",
  "once_rx[$i]:recv()", "watch_rx[$i]:changed()", "cast_rx[$i]:recv()",
  "notifies[$i]:notified()", "notifies[$i]:notified()",
  "permits[$i] = semaphores[$i]:acquire()",
  "permits[$i] = mutexes[$i]:lock()", "permits[$i] = locks[$i]:read()",
  "permits[$i] = locks[$i]:write()",
  "local _ <close> = mutexes[$i]:lock() ebb.sleep($t)",
  "local _ <close> = semaphores[$i]:acquire() ebb.yield_now()",
  "barriers[$i]:wait()", "intervals[$i]:tick()",
  "ebb.block_in_place(away, WORLD, $a)", "generators[$i]()",
  "coroutine.wrap($f)()", "coroutine.resume(threads[$i])",
  "for _ in coroutine.wrap($f) do end",
  "table.sort({1, 2}, $f)", "string.gsub('x', 'x', $f)",
  "keys[$i]:scope($k, $f)", "keys[$i]:sync_scope($k, $f)",
  "runtimes[$i]:shutdown(0)", "runtimes[$i]:shutdown(0.05)",
  "time.timeout($t, function() local a, b = ebb.net.pair() a:read(1) end)",
  "local rt <close> = ebb.Runtime.new() rt:handle():spawn(away, WORLD, $a)"
}

local acts = {
  "handles[$i] = ebb.spawn($f)", "handles[$i] = ebb.spawn($f)",
  "ebb.spawn($f)", "ebb.spawn($f)", "ebb.spawn($f):abort()",
  "maps[$i]:spawn($k, $f)", "maps[$i]:spawn($k, $f)",
  "maps[$i]:spawn($k, $f)", "maps[$i]:spawn_if_absent($k, $f)",
  "maps[$i]:spawn_local_on($k, $f, locals[$i])",
  "maps[$i]:spawn_local($k, $f)",
  "maps[$i]:build_task():name('named'):spawn($k, $f)",
  "maps[$i]:spawn_blocking($k, away, WORLD, $a)",
  "maps[$i]:spawn_on($k, away, runtimes[$i]:handle(), WORLD, $a)",
  "aborts[$i] = sets[$i]:spawn($f)", "sets[$i]:spawn($f)",
  "sets[$i]:spawn_local_on($f, locals[$i])",
  "sets[$i]:spawn_blocking(away, WORLD, $a)",
  "locals[$i]:spawn_local($f)", "handles[$i] = locals[$i]:spawn_local($f)",
  "handles[$i] = ebb.spawn_local($f)",
  "handles[$i] = ebb.spawn_blocking(away, WORLD, $a)",
  "ebb.spawn_blocking(away, WORLD, $a)",
  "ebb.Builder.new():name('named'):spawn($f)",
  "ebb.spawn(coroutine.create($f))",
  "maps[$i]:abort($k)", "maps[$i]:abort_all()", "maps[$i]:detach_all()",
  "maps[$i]:detach($k)", "maps[$i]:try_join_next()",
  "maps[$i]:abort_matching($f)",
  "maps[$i]:abort_matching(function(k) $b return true end)",
  "for k in maps[$i]:keys() do $b end", "maps[$i]:shrink_to_fit()",
  "maps[$i]:reserve(20)", "maps[$i] = nil", "maps[$i] = ebb.JoinMap.new()",
  "maps[$i] = ebb.JoinMap.with_hasher(hasher($f, $f))",
  "maps[$i] = ebb.JoinMap.with_hasher(hasher($f, $f))",
  "maps[$i] = ebb.JoinMap.new{max_tasks = 1}",
  "sets[$i]:abort_all()", "sets[$i]:detach_all()",
  "sets[$i]:try_join_next_with_id()", "sets[$i] = ebb.JoinSet.new()",
  "sets[$i] = nil", "locals[$i] = nil", "locals[$i] = ebb.LocalSet.new()",
  "locals[$i]:close()", "kept[$i] = locals[$i]:enter()",
  "local _ <close> = locals[$i]:enter() $b",
  "handles[$i]:abort($k)", "aborts[$i]:abort()", "handles[$i] = nil",
  "aborts[$i] = handles[$i]:abort_handle()", "handles = {}",
  "tx[$i]:try_send($k)", "rx[$i]:try_recv()", "tx[$i]:close()",
  "rx[$i]:close()", "tx[$i] = tx[$i]:clone()", "tx[$i] = nil",
  "once_tx[$i]:send($k)", "once_tx[$i]:close()", "once_tx[$i] = nil",
  "watch_tx[$i]:send($k)", "watch_tx[$i]:close()", "watch_rx[$i] = nil",
  "cast_tx[$i]:send($k)", "cast_tx[$i]:close()", "cast_rx[$i] = nil",
  "notifies[$i]:notify_one()", "notifies[$i]:notify_waiters()",
  "permits[$i]:release()", "permits[$i] = nil", "semaphores[$i]:close()",
  "semaphores[$i]:add_permits(1)", "semaphores[$i]:try_acquire()",
  "mutexes[$i] = nil", "notifies[$i] = nil", "barriers[$i] = nil",
  "threads[$i] = coroutine.running()", "threads[$i] = coroutine.running()",
  "coroutine.close(threads[$i])", "coroutine.close(threads[$i])",
  "threads[$i] = coroutine.create($f)", "threads[$i] = nil",
  "generators[$i] = coroutine.wrap($f)",
  "generators[$i] = coroutine.wrap(function() $b coroutine.yield() $b end)",
  "finalized($f)", "finalized($f)", "kept[$i] = finalized($f)",
  "kept[$i] = finalized($f)", "kept[$i] = nil", "early = $f",
  "ebb.set_unhandled($f)", "ebb.set_unhandled($f)", "ebb.set_unhandled()",
  "ebb.set_unhandled(function(e) tostring(e) $b end)",
  "collectgarbage()", "collectgarbage()", "collectgarbage 'step'",
  "collectgarbage 'generational'", "collectgarbage 'incremental'",
  "error 'an error'", "error(shown($f))", "error()",
  "ebb.cancelled()", "ebb.tasks()", "ebb.traceback($i)", "tostring(maps[$i])",
  "runtimes[$i] = ebb.Runtime.new()", "runtimes[$i] = ebb.Runtime.new()",
  "runtimes[$i] = nil", "time.advance($t)",
  "handles[$i] = runtimes[$i]:handle():spawn(away, WORLD, $a)",
  "runtimes[$i]:handle():spawn(away, WORLD, $a)",
  "runtimes[$i]:handle():spawn_blocking(away, WORLD, $a)",
  "os.exit(true, true)", "ebb.set_shutdown_timeout(0)"
}

-- Variables of the block, which end with it.
local variables = {
  "local _ <close> = closing($f)", "local _ <close> = closing($f)",
  "local _ <close> = closing($f)", "local _ <close> = closing($f)",
  "local _ <close> = ebb.spawn($f)",
  "local map <close> = ebb.JoinMap.new() map:spawn($k, $f)",
  "local set <close> = ebb.JoinSet.new() set:spawn($f)",
  "local set <close> = ebb.LocalSet.new() set:spawn_local($f)",
  "local map = ebb.JoinMap.new() map:spawn($k, $f)",
  "local dropped = finalized($f)"
}

-- What the end finds: tasks with clean-ups, and finalizers. $u is the body of
-- such a task.
local setups = {
  "maps[$i]:spawn($k, $u)", "maps[$i]:spawn($k, $u)",
  "maps[$i]:spawn($k, $u)", "sets[$i]:spawn($u)",
  "handles[$i] = ebb.spawn($u)", "ebb.spawn($u)", "ebb.spawn($u)",
  "locals[$i]:spawn_local($u)", "ebb.spawn(coroutine.create($u))",
  "local map = ebb.JoinMap.new() map:spawn($k, $u)",
  "local map = ebb.JoinMap.new() map:spawn($k, function() $b error(map) end)",
  "local map = ebb.JoinMap.new() map:spawn($k, function() local _ <close> = " ..
    "closing(function() maps[$i] = map $b error(map) end) ebb.sleep(9) end)",
  "local set = ebb.JoinSet.new() set:spawn($u)",
  "local set = ebb.LocalSet.new() ebb.spawn(function() " ..
    "set:run_until($u) end)",
  "kept[$i] = finalized($f)", "kept[$i] = finalized($f)", "finalized($f)",
  "early = $f", "ebb.spawn(error)", "handles[$i] = ebb.spawn(error, maps[$i])",
  "maps[$i] = ebb.JoinMap.with_hasher(hasher($f, $f))",
  "runtimes[$i] = ebb.Runtime.new()",
  "local rt = ebb.Runtime.new() runtimes[$i] = rt " ..
    "rt:handle():spawn(away, WORLD, $a)",
  "handles[$i] = ebb.spawn_blocking(away, WORLD, $a)"
}

-- How long the end may take; 0.2 s where it is not set.
local bounds = {
  "ebb.set_shutdown_timeout(0)", "ebb.set_shutdown_timeout(0)",
  "ebb.set_shutdown_timeout(0.01)"
}

local handlers = {
  "ebb.set_unhandled($f)", "ebb.set_unhandled(function(e) tostring(e) $b end)",
  "ebb.set_unhandled(function(e) $b e:into_panic():spawn($k, $u) end)"
}

-- In which most of the tasks are when the end comes.
local stays = {
  "ebb.sleep(1e6)", "ebb.sleep(1e6)", "rx[$i]:recv()", "$w", "$w",
  "error(maps[$i])",
  "coroutine.wrap(function() ebb.sleep(1e6) end)()", "ebb.sleep($t)",
  "time.timeout(1e6, function() $b ebb.sleep(1e6) end)",
  "ebb.block_on(function() $b ebb.sleep(1e6) end)",
  "ebb.select{function() $b ebb.sleep(1e6) end, function() ebb.sleep(1e6) end}",
  "table.sort({1, 2}, function() ebb.sleep(1e6) end)",
  "maps[$i]:join_next()", "sets[$i]:join_next()"
}

local lasts = {
  "", "", "", "return", "error 'the end'", "error(shown($f))",
  "os.exit(true, true)", "os.exit(true, true)",
  "ebb.spawn(function() os.exit(true, true) end) ebb.sleep(1)",
  "ebb.spawn(function() ebb.sleep(1) os.exit(true, true) end) $w",
  "coroutine.wrap(function() ebb.yield_now() os.exit(true, true) end)()",
  "local _ <close> = closing(function() os.exit(true, true) end)",
  "finalized(function() os.exit(true, true) end) collectgarbage()",
  "ebb.set_unhandled(function() os.exit(true, true) end) " ..
    "ebb.spawn(error) ebb.yield_now() collectgarbage() ebb.yield_now()",
  "table.sort({1, 2}, function() os.exit(true, true) end)"
}

local Writer = {}
Writer.__index = Writer

function Writer:random(n)
  -- A generator of its own, so that the text is the same in every Lua.
  self.state = (self.state * 0x5851F42D4C957F2D + 0x14057B7EF767814F)
  return (self.state >> 33) % n + 1
end

function Writer:pick(list) return list[self:random(#list)] end

-- A task with a clean-up, which waits.
function Writer:guarded(depth)
  local lines = {"function() step() "}
  for _ = 1, self:random(2) do
    lines[#lines + 1] = "local _ <close> = closing(" .. self:body(depth) .. ")"
  end
  lines[#lines + 1] = self:filled(self:pick(stays), depth) .. " end"
  return table.concat(lines, " ")
end

local function indented(text, depth)
  return ("  "):rep(depth) .. text
end

-- A function that runs elsewhere waits for a limited time only: nobody can
-- tell the main chunk that it waits there for ever.
function Writer:wait(depth)
  local text = self:filled(self:pick(waits), depth)
  if not self.bounded then return text end
  return "time.timeout(2, function() " .. text .. " end)"
end

function Writer:act(depth)
  if self:random(5) <= 2 then return self:wait(depth) end
  return self:filled(self:pick(acts), depth)
end

function Writer:statement(depth)
  self.count = self.count + 1
  local number = self.count
  local text
  if depth < DEPTH and self:random(5) == 1 then
    text = self:filled(self:pick(variables), depth)
  elseif depth > 0 and self:random(4) == 1 then
    text = "do " .. self:act(depth) .. " end"
  else
    text = "pcall(function() " .. self:act(depth) .. " end)"
  end
  return not self.left_out[number] and indented(text, depth) or nil
end

function Writer:numbered(template, depth)
  self.count = self.count + 1
  local number = self.count
  local text = self:filled(template, depth)
  if self.left_out[number] then return "" end
  return indented("pcall(function() " .. text .. " end)", depth)
end

function Writer:block(depth, most)
  local lines = {}
  for _ = 1, self.count < MOST and self:random(most) or 0 do
    lines[#lines + 1] = self:statement(depth)
  end
  if not lines[1] then return "" end
  return "\n" .. table.concat(lines, "\n") .. "\n" .. indented("", depth - 1)
end

-- A world to be closed.
function Writer:setup(depth)
  local lines = {}
  if self:random(2) == 1 then
    lines[1] = self:numbered(self:pick(bounds), depth)
  end
  if self:random(2) == 1 then
    lines[#lines + 1] = self:numbered(self:pick(handlers), depth)
  end
  for _ = 1, self:random(6) do
    lines[#lines + 1] = self:numbered(self:pick(setups), depth)
  end
  if self:random(4) > 1 then
    lines[#lines + 1] = self:numbered("ebb.sleep($t)", depth)
  end
  if self:random(3) == 1 then
    lines[#lines + 1] = self:numbered("collectgarbage()", depth)
  end
  return table.concat(lines, "\n") .. "\n"
end

function Writer:body(depth)
  local most = depth < DEPTH and 3 or 1
  return "function() step() " .. self:block(depth + 1, most) .. "end"
end

function Writer:elsewhere(depth)
  local bounded, level = self.bounded, self.level
  self.bounded, self.level = true, level + 1
  local text = "\n" .. self:setup(depth + 1) .. self:block(depth + 1, 3)
  self.bounded, self.level = bounded, level
  local bars = ("="):rep(5 - level)
  return "[" .. bars .. "[" .. text .. "]" .. bars .. "]"
end

function Writer:filled(template, depth)
  return (template:gsub("%$(%l)", function(what)
    if what == "u" then return self:guarded(depth) end
    if what == "f" then return self:body(depth) end
    if what == "b" then return self:block(depth + 1, 2) end
    if what == "w" then return self:wait(depth) end
    if what == "a" then
      return self.level < 3 and self:elsewhere(depth) or "''"
    end
    return tostring(self:random(3) - (what == "t" and 1 or 0))
  end))
end

return function(seed, left_out)
  local writer = setmetatable({
    state = seed * 7919, count = 0, left_out = left_out or {}, level = 0,
    bounded = false
  }, Writer)
  for _ = 1, 5 do writer:random(1) end
  local text = writer:setup(0) .. writer:block(0, 6)
  local last = writer:filled(writer:pick(lasts), 0)
  return text .. last .. "\n", writer.count
end
