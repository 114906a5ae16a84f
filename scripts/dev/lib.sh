# What the commands of scripts/dev share: places, messages, locks, daemons, the machine's packages. Sourced, never run.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
umask 022

DEV=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
CHECKOUT=$(dirname "$(dirname "$DEV")")
# shellcheck source=scripts/dev/versions.env
. "$DEV/versions.env"

# One cache for all checkouts; one state folder a checkout.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/odoo-operator
STATES=${XDG_STATE_HOME:-$HOME/.local/state}/odoo-operator
STATE=$STATES/$(printf %s "$CHECKOUT" | sha256sum | cut -c1-12)
PATH=$PATH:/usr/sbin:/sbin
LINK_PREFIX=odoobox

ME=$(basename "$0")
BEGAN=${EPOCHREALTIME/[.,]/}
elapsed() { local t=$(((${EPOCHREALTIME/[.,]/} - BEGAN) / 100000)); echo "$((t / 10)).$((t % 10)) s"; }
say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { say "$*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }
# A program, not a function that is named like it.
have() { type -P "$1" >/dev/null; }
hash12() { sha256sum | cut -c1-12; }
pause() { read -rt "$1" <> <(:) || true; } # sleeps without starting a process

# step TEXT ESTIMATE COMMAND…: runs COMMAND, its output in a log, and says in one line how long it took.
step() {
  local text=$1 estimate=$2 began=$SECONDS log; shift 2
  mkdir -p "$STATE/log"
  log=$STATE/log/$(tr -cs 'a-zA-Z0-9' - <<<"$text" | cut -c1-40).$$.log
  say "$text … (about $estimate)"
  if ! "$@" > "$log" 2>&1 < /dev/null; then
    tail -n 15 "$log" >&2; die "$text: failed after $((SECONDS - began)) s; the whole log: $log"
  fi
  rm -f "$log"
  say "$text: done in $((SECONDS - began)) s"
}

# lock NAME: one run at a time of what follows; ends with the process. Daemons do not inherit it (spawn closes it).
lock() {
  mkdir -p "$(dirname "$1")"
  exec 9> "$1.lock"
  flock -n 9 || { say "another run holds $1.lock, waiting for it"; flock 9; }
}

# need_disk DIR GIB WHAT: stops in time instead of half-way.
need_disk() {
  local free; mkdir -p "$1"; free=$(df -Pk "$1" | awk 'NR == 2 {print int($4 / 1048576)}')
  [ "$free" -ge "$2" ] || die "$3 needs $2 GiB free on the disk of $1, which has $free; make room, or set XDG_CACHE_HOME and XDG_STATE_HOME to a bigger disk"
}

# packages COMMAND=PACKAGE…: installs Debian packages whose command is not there.
packages() {
  local pair missing=()
  for pair in "$@"; do have "${pair%%=*}" || [ -x "${pair%%=*}" ] || missing+=("${pair#*=}"); done
  [ ${#missing[@]} = 0 ] && return
  is_root || die "missing: ${missing[*]}; as root: apt-get install ${missing[*]}"
  have apt-get || die "missing: ${missing[*]}; install them with this machine's package manager (there is no apt-get here)"
  step "installing Debian packages ${missing[*]}" "1 min" install_packages "${missing[@]}"
}
install_packages() {
  local apt=(apt-get -o DPkg::Lock::Timeout=300 -y -q --no-install-recommends)
  export DEBIAN_FRONTEND=noninteractive
  "${apt[@]}" install "$@" && return
  apt-get -o Acquire::Check-Valid-Until=false -o DPkg::Lock::Timeout=300 -q update && "${apt[@]}" install "$@"
}

# A daemon's pid file holds its pid and start time, so that a number used again is never taken for it.
started_at() { local s; s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; awk '{print $20}' <<<"$s"; }
pid_of() { # FILE: prints the pid while that very process lives
  local pid began; read -r pid began 2>/dev/null < "$1" || return 1
  [ -n "$began" ] && [ "$(started_at "$pid")" = "$began" ] && [ "$(awk '{print $3}' "/proc/$pid/stat")" != Z ] && echo "$pid"
}
# spawn PIDFILE LOG COMMAND…: a daemon in a session of its own. It writes its own pid file before it becomes COMMAND:
# however the caller is interrupted, nothing runs that the file does not name.
spawn() {
  local file=$1 log=$2; shift 2
  # shellcheck disable=SC2016
  setsid bash -c 's=$(< /proc/$$/stat); s=${s##*) }; set -- $s -- "$@"; began=${20}
    while [ "$1" != -- ]; do shift; done; shift
    file=$1; shift; echo "$$ $began" > "$file.$$"; mv "$file.$$" "$file"; exec "$@"' spawn "$file" "$@" >> "$log" 2>&1 < /dev/null 9>&- &
  local child=$! i
  for i in {1..200}; do pid_of "$file" >/dev/null && return; kill -0 "$child" 2>/dev/null || break; pause 0.02; done
}
# stop PIDFILE [SIGNAL] [SECONDS]: ends it, with SIGKILL when SIGNAL did not do.
stop() {
  local pid i; pid=$(pid_of "$1") || { rm -f "$1"; return 0; }
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  for ((i = 0; i < ${3:-10} * 20; i++)); do pid_of "$1" >/dev/null || break; pause 0.05; done
  if pid=$(pid_of "$1"); then kill -KILL "$pid" 2>/dev/null || true; while pid_of "$1" >/dev/null; do pause 0.05; done; fi
  rm -f "$1"
}

# reserve_port NAME [WISH]: sets NAME to a port nobody listens on, below the range that the kernel hands out; to WISH where
# that can be had. It stays ours until this process and all that it starts have ended: whoever looks between now and the
# moment in which somebody listens on it would find it free as well.
reserve_port() {
  local reserved=${2:-$((20000 + RANDOM % 12000))} fd
  mkdir -p "$STATES/ports"
  until exec {fd}> "$STATES/ports/$reserved" || die "cannot write into $STATES/ports"; flock -n "$fd" && ! grep -Eqs "$(printf ':%04X 0+:0000 0A' "$reserved")" /proc/net/tcp /proc/net/tcp6; do
    exec {fd}>&-
    reserved=$((20000 + RANDOM % 12000))
  done
  printf -v "$1" %s "$reserved"
}
secret() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

# keep FILE COMMAND…: FILE holds what COMMAND printed once.
keep() { local f=$1; shift; [ -s "$f" ] || { (umask 077; "$@" > "$f.$$"); mv "$f.$$" "$f"; }; cat "$f"; }

# The box's network. Checkout number SLOT has 10.89.SLOT.0/30 (host .1, node .2), pods 10.88.(16·SLOT).0/20 and
# Services 10.96.(16·SLOT).0/20. A checkout keeps its number.
slot_free() {
  local owner; owner=$(cat "$STATES/slots/$1" 2>/dev/null || true)
  { [ -z "$owner" ] || [ "$owner" = "$CHECKOUT" ] || [ ! -d "$owner" ]; } &&
    ! ip -4 -o addr show | grep -q "inet 10\.89\.$1\.1/" &&
    ! ip route show to match "10.88.$(($1 * 16)).1" | grep -qv '^default' &&
    ! ip route show to match "10.96.$(($1 * 16)).1" | grep -qv '^default'
}
claim_slot() {
  local slot owner
  mkdir -p "$STATE" "$STATES/slots"
  exec 7> "$STATES/slots/.lock"; flock 7
  slot=$(cat "$STATE/slot" 2>/dev/null || true)
  if [ -z "$slot" ]; then
    for slot in {0..15}; do
      if slot_free "$slot"; then break; fi
      slot=
    done
    [ -n "$slot" ] || die "sixteen checkouts have a box on this machine already (listed in $STATES/slots); remove one"
    echo "$CHECKOUT" > "$STATES/slots/$slot"; echo "$slot" > "$STATE/slot"
  fi
  exec 7>&-
  read_slot
}
read_slot() {
  SLOT=$(cat "$STATE/slot" 2>/dev/null || echo 0)
  LINK=$LINK_PREFIX$SLOT HOST_IP=10.89.$SLOT.1 NODE_IP=10.89.$SLOT.2
  POD_CIDR=10.88.$((SLOT * 16)).0/20 SERVICE_CIDR=10.96.$((SLOT * 16)).0/20
}
# The host's address of the link is there while any part of this checkout is up, so that servers can listen on it
# before the box is.
hold_address() { claim_slot; ip addr replace "$HOST_IP/32" dev lo; }
release_address() { # after PARTs of this checkout are down
  read_slot
  local part; for part in cluster postgres s3; do pid_of "$STATE/$part/pid" >/dev/null && return; done
  ip addr del "$HOST_IP/32" dev lo 2>/dev/null || true
}
