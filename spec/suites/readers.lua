-- SPDX-License-Identifier: MIT
--
-- What the output of a test program says: each reader calls `report(name,
-- verdict)` once a test, with "passed", "failed" or "skipped".

local readers = {}

-- The program is one test.
function readers.exit(output, ended_well, report)
  report("", ended_well and "passed" or "failed")
end

local function verdict_of(line)
  if line:find "^not ok" then return "failed" end
  return line:lower():find "# skip" and "skipped" or "passed"
end

-- The Test Anything Protocol. A program that says less than it announced, or
-- fails though no test did, is a test that failed.
function readers.tap(output, ended_well, report)
  local seen, failed, plan = 0, 0, nil
  for line in output:gmatch "[^\n]+" do
    plan = tonumber(line:match "^1%.%.(%d+)") or plan
    local name = line:match "^ok %d+[%s%-]*(.*)" or
                 line:match "^not ok %d+[%s%-]*(.*)"
    if name then
      local verdict = verdict_of(line)
      seen = seen + 1
      if verdict == "failed" then failed = failed + 1 end
      report(name:gsub("%s*#.*", ""), verdict)
    end
  end
  local whole = seen == plan and (ended_well or failed > 0)
  if not whole then report("the program's end", "failed") end
end

return readers
