#!/bin/sh
# Fills an empty database with Odoo's modules. Runs as `sh -c` in the Odoo image; every value comes from the
# environment: PG* and ODOO_RC as for every Odoo container, INIT_MODULES, INIT_LANGUAGES (both comma-separated, base is
# among the modules), INIT_DEMO (true or false).
#
# Success is one line of JSON in the termination message. On failure that file stays empty, and the kubelet puts the
# end of the log there, whose last line is ours and names the step.
set -eu

message=${TERMINATION_MESSAGE:-/dev/termination-log}
step='start'
child=

ended() {
  status=$?
  [ "$status" -eq 0 ] || echo "init.sh: failed to $step (exit status $status)" >&2
}
trap ended EXIT

# This shell is process 1, so nothing but it can tell Odoo that the pod is being stopped.
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
forwarding_term() {
  "$@" &
  child=$!
  result=0
  wait "$child" || result=$?
  # A signal ends the wait before the child ends.
  while kill -0 "$child" 2>/dev/null; do
    result=0
    wait "$child" || result=$?
  done
  child=
  return "$result"
}

# A tenant can give its role and database defaults that make a session lie; these options win over them.
query() {
  PGCONNECT_TIMEOUT=15 PGOPTIONS='-c search_path=pg_catalog -c statement_timeout=30s' \
    psql -X -A -t -q -v ON_ERROR_STOP=1 -v modules="$INIT_MODULES"
}

# Prints those of the wanted modules that are not installed, and what an installation that was cut off left marked.
missing_modules() {
  has_tables=$(echo "SELECT to_regclass('public.ir_module_module') IS NOT NULL" | query)
  if [ "$has_tables" != t ]; then
    printf '%s' "$INIT_MODULES"
    return
  fi
  query <<'SQL'
SELECT coalesce(string_agg(name, ',' ORDER BY name), '')
FROM (
  SELECT wanted AS name
  FROM unnest(string_to_array(:'modules', ',')) AS wanted
  WHERE NOT EXISTS (SELECT FROM public.ir_module_module AS m WHERE m.name = wanted AND m.state = 'installed')
  UNION
  SELECT m.name FROM public.ir_module_module AS m WHERE m.state = 'to install'
) AS missing
SQL
}

# Asking for the version takes a second, which the installation need not wait for.
versions=$(mktemp)
odoo --version > "$versions" &
asking=$!
version=
learn_version() {
  [ -z "$version" ] || return 0
  step="read Odoo's version"
  wait "$asking" || true
  version=$(sed -n 's/^Odoo Server \(saas[~-]\)\{0,1\}\([0-9][0-9]*\.[0-9][0-9]*\).*/\2/p' "$versions")
  [ -n "$version" ]
}

step='look into the database'
todo=$(missing_modules)
outcome=skipped
if [ -n "$todo" ]; then
  step="install $todo"
  outcome=initialized
  set -- --database="$PGDATABASE" --init="$todo" --stop-after-init --no-http --workers=0 --max-cron-threads=0
  if [ "$INIT_DEMO" = true ]; then
    # Demonstration data is what older versions load unasked.
    learn_version
    [ "${version%%.*}" -lt 19 ] || set -- "$@" --with-demo
  else
    # Odoo 19 wants a boolean here, says so, and takes it for true.
    set -- "$@" --without-demo=all
  fi
  [ -z "$INIT_LANGUAGES" ] || set -- "$@" --load-language="$INIT_LANGUAGES"
  step="install $todo"
  forwarding_term odoo "$@"

  # Odoo ignores modules that it does not find, and ends with 0 for more reasons than success.
  step='check what was installed'
  todo=$(missing_modules)
  if [ -n "$todo" ]; then
    echo "init.sh: Odoo ended without an error, but these modules are not installed: $todo" >&2
    exit 1
  fi
fi

learn_version
step='report'
printf '{"outcome":"%s","odooVersion":"%s"}\n' "$outcome" "$version" > "$message"
