-- Which file uses which, and the circles among them.

local graph = {}
graph.__index = graph

function graph.new() return setmetatable({next = {}, nodes = {}}, graph) end

local function enter(self, node)
  if self.next[node] then return end
  self.next[node] = {}
  self.nodes[#self.nodes + 1] = node
end

-- `label` says by what; of several, the first in the alphabet.
function graph:add(from, to, label)
  enter(self, from)
  enter(self, to)
  label = label or ""
  local old = self.next[from][to]
  if not old or label < old then self.next[from][to] = label end
end

local function successors(self, node)
  local list = {}
  for to in pairs(self.next[node]) do list[#list + 1] = to end
  table.sort(list)
  return list
end

-- A shortest way from a node back to it, as an array that begins and ends with
-- it, or nil.
local function circle_through(self, start)
  local came_from, queue, first = {}, {start}, 1
  while queue[first] do
    local node = queue[first]
    first = first + 1
    for _, to in ipairs(successors(self, node)) do
      if to == start then
        local way = {start}
        while node ~= start do
          table.insert(way, 1, node)
          node = came_from[node]
        end
        table.insert(way, 1, start)
        return way
      elseif not came_from[to] then
        came_from[to] = node
        queue[#queue + 1] = to
      end
    end
  end
end

-- The same circle seen from another of its nodes is the same text.
local function describe_circle(self, way)
  local least = 1
  for i = 2, #way - 1 do
    if way[i] < way[least] then least = i end
  end
  local words = {way[least]}
  for i = least, least + #way - 2 do
    local from = way[(i - 1) % (#way - 1) + 1]
    local to = way[i % (#way - 1) + 1]
    local label = self.next[from][to]
    words[#words + 1] = label == "" and "->" or "-" .. label .. "->"
    words[#words + 1] = to
  end
  return table.concat(words, " ")
end

-- An array of circles, a shortest one for each node that is in any, as texts.
function graph:circles()
  local circles = {}
  for _, node in ipairs(self.nodes) do
    local way = circle_through(self, node)
    local text = way and describe_circle(self, way)
    if text and not circles[text] then
      circles[text] = true
      circles[#circles + 1] = text
    end
  end
  return circles
end

return graph
