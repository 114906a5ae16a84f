#!/bin/bash
# Same contract as the official image's older entrypoints: database flags, the password among them, always on the
# command line, from odoo.conf where it has them, else from HOST, PORT, USER, PASSWORD. An operator that keeps
# passwords out of /proc has to bypass it.
set -e
db=()
flag() { local v; v=$(sed -nE "s/^\s*$1\s*=\s*(.*\S)\s*$/\1/p" "$ODOO_RC" | tail -n 1); db+=("--$1" "${v:-$2}"); }
flag db_host "${HOST:-db}"; flag db_port "${PORT:-5432}"; flag db_user "${USER:-odoo}"; flag db_password "${PASSWORD:-odoo}"
case "$1" in
  -- | odoo) shift; if [ "$1" = scaffold ]; then exec odoo "$@"; else exec odoo "$@" "${db[@]}"; fi ;;
  -*) exec odoo "$@" "${db[@]}" ;;
  *) exec "$@" ;;
esac
