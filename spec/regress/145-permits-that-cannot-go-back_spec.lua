-- A Permit whose permits did not fit back counted as released all the same: they
-- were lost, and a second release did nothing.

local ebb = require "ebb"

it("a Permit that cannot be released is kept", function()
  local semaphore = ebb.sync.Semaphore.new(1)
  local permit = semaphore:acquire()
  local most = math.maxinteger
  -- As many as there can be.
  while most > 0 do
    if not pcall(semaphore.add_permits, semaphore, most) then most = most // 2 end
  end
  assert.error_matches(function() permit:release() end, "too many")
  local most_there_can_be = semaphore:available_permits()
  assert(semaphore:try_acquire()) -- there is room for one again
  permit:release()
  assert.equal(most_there_can_be, semaphore:available_permits())
end)
