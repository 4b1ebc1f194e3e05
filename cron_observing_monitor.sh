#!/bin/sh
# Keeps the pages of one site current. Put it into a crontab:
#
#     */5 * * * *  /path/to/cron_observing_monitor.sh
#
# It prints only errors, so that cron mails them. Arguments are passed on to observing_monitor.
# Settings come from the environment, which the crontab gives:
#
#     */5 * * * *  OBSMON_CONFIG=/etc/obsmon/site.toml /path/to/cron_observing_monitor.sh
#
#     OBSMON_CONFIG     settings file (default: site.toml next to this script)
#     OBSMON_LOG        log, to which every run adds (default: site.log next to site.toml)
#     OBSMON_LOG_BYTES  a larger log is renamed to LOG.1 (default: 5000000)
#     OBSMON_VENV       virtual environment with observing_monitor (default: .venv next to this
#                       script, if there is one)
#
# The exit code is that of observing_monitor:
#
#     0   all is well
#     1   pages were made, but a source can't be read, or there was an unexpected error
#     2   the command line or the settings are wrong, and nothing was done; or the output can't be
#         read or written
#     75  another run is at work on the same output; this one ended at once, which is no error
#
# Each run adds three lines to the log: its start, its result and its end. The result is
# observing_monitor's own line, which is also written to log_file if the settings name one. Its
# words have a fixed order:
#
#     observing_monitor: at=2026-02-12T03:05:01Z command=run nights=4 changed=1 pages=3
#         seconds=1.92 problems=0 exit=0          (all in one line)
#
# After 0 and 75 the script prints nothing. After any other code it prints what the run added to
# the log. Cron gives commands hardly any environment: set what yours needs (a proxy, a umask) in
# the crontab or below.

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

touch -- "$log" || exit 2  # touch prints the reason
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
