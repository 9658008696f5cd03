#!/bin/sh
# The work: say that this service runs, then do so for a long time.
echo "$1 $$" > "$2"
exec sleep 1000000
