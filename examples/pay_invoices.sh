#!/usr/bin/env bash
# Pays every line of a CSV file: invoice,amount,token,destination
#
#   examples/pay_invoices.sh invoices.csv
#
# Run it again after any crash: the invoice's number is the idempotency key, so what was paid is not paid again.
set -uo pipefail
file=${1:?usage: pay_invoices.sh FILE.csv}
failed=0

while IFS=, read -r invoice amount token destination; do
  [ -n "$invoice" ] || continue
  l2send "$amount" "$token" "$destination" --yes --idempotency-key "$invoice" >/dev/null 2>"$file.log" </dev/null
  status=$?
  case $status in
    0) echo "$invoice paid" ;;
    4 | 8) echo "$invoice not final yet (exit status $status): run this again"; failed=1 ;;
    *) echo "$invoice not paid (exit status $status):"; tail -n 3 "$file.log"; failed=1 ;;
  esac
done <"$file"
exit $failed
