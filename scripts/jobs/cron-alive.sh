#!/bin/sh
# Tells whether the cron threads of this pod live: exit 0 if so. Runs as `sh -c` in the cron container.
#
# A restart of PostgreSQL ends Odoo's cron threads and leaves its process standing, with fewer threads than it needs.
# While PostgreSQL is away nothing is wrong with the pod, so a restart waits until the server answers again.
threads=$(cat /proc/[0-9]*/status 2>/dev/null | awk '/^Threads:/ { if ($2 > most) most = $2 } END { print most + 0 }')
[ "$threads" -gt "$MAX_CRON_THREADS" ] && exit 0
pg_isready -q -t 3 -h "$HOST" -p "$PORT" || exit 0
exit 1
