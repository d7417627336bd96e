#!lua flags=allow-oom
-- Keep what a running job has made: as the job's end is, it is written on a full server too.
-- @include keeping
