#!/bin/sh
# Put this into a crontab. It keeps the pages of one site current, and prints only what went wrong, so that cron mails that:
#
#     */5 * * * *  /path/to/cron_observing_monitor.sh
#
# Its settings come from the environment, which the crontab gives. Arguments go on to observing_monitor.
#
#     */5 * * * *  OBSMON_CONFIG=/etc/observing_monitor/site.toml OBSMON_LOG=/var/log/obsmon.log /path/to/cron_observing_monitor.sh
#
#     OBSMON_VENV       the virtual environment with observing_monitor       (.venv beside this script, if there is one)
#     OBSMON_CONFIG     the settings file                                    (site.toml beside this script)
#     OBSMON_LOG        the log, to which every run adds                     (beside the settings file: site.log)
#     OBSMON_LOG_BYTES  a larger log is renamed to LOG.1                     (5000000)
#
# The exit code is observing_monitor's:
#
#     0   all is well
#     1   pages were made, but something failed: a source can't be read, or there was an unexpected error
#     2   the command line or the settings are wrong and nothing was done; or the output can't be read or written
#     75  another run is at work on the same output; this one left at once, which is no failure
#
# Each run adds three lines to the log: when it started, its result, when it ended. The second is observing_monitor's, with its
# words always in this order (the same line goes to log_file, if the settings name one):
#
#     observing_monitor: at=2026-02-12T03:05:01Z command=run nights=4 changed=1 pages=3 seconds=1.92 problems=0 exit=0
#
# After 0 and 75 it is silent. After any other code it prints what the run added to the log, and cron mails that.
# Cron gives commands hardly any environment: set what else yours needs (a proxy, a umask) in the crontab or below.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2

venv=${OBSMON_VENV:-$here/.venv}
config=${OBSMON_CONFIG:-$here/site.toml}
log=${OBSMON_LOG:-${config%.toml}.log}
max_bytes=${OBSMON_LOG_BYTES:-5000000}

if [ -f "$venv/bin/activate" ]; then
    . "$venv/bin/activate"
elif [ -n "${OBSMON_VENV:-}" ]; then
    echo "$0: OBSMON_VENV: there is no $venv/bin/activate" >&2
    exit 2
fi

touch -- "$log" || exit 2  # touch has said why
old_bytes=$(wc -c <"$log")

echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) run $$ starts: $config" >>"$log"
observing_monitor -c "$config" --verbose "$@" >>"$log" 2>&1
code=$?
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) run $$ ends: exit $code" >>"$log"

# After 75 the other run is still writing to the log: leave it where it is.
if [ "$code" -ne 75 ]; then
    if [ "$code" -ne 0 ]; then
        tail -c "+$((old_bytes + 1))" -- "$log" >&2
    fi
    if [ "$(wc -c <"$log")" -gt "$max_bytes" ]; then
        mv -f -- "$log" "$log.1"
    fi
fi
exit "$code"
