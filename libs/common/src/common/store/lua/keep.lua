#!lua
-- Keep a document that someone asks to be kept; a full server refuses it.
-- @include keeping
