#!lua flags=no-writes
-- Read what a job's attempts were, oldest first; of very many, the last 50 and the present one.
--
-- Input:
--   KEYS     those of QueueKeys.all()
--   ARGV[1]  id
--
-- Output: the header ('': no such job), rows of the attempts that are over, the run record as a flat list
-- @include queue
-- @include record

return {header_line(ARGV[1]) or '', redis.call('LRANGE', PREFIX .. 'attempts:' .. ARGV[1], 0, -1),
  run_of(ARGV[1])}
