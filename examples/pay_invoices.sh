#!/usr/bin/env bash
# Pays every line of a CSV file: invoice,amount,token,destination
#
#   examples/pay_invoices.sh invoices.csv
#
# Run it again after any crash: the invoice's number is the idempotency key, so what was paid is not paid again.
# The file may have a byte order mark, Windows line ends, empty lines, and no newline at its end.
set -uo pipefail
file=${1:?usage: pay_invoices.sh FILE.csv}
[ -r "$file" ] || { echo "cannot read $file"; exit 2; }
failed=0

trimmed() { # $1 without white space at its ends
  local text=${1#"${1%%[![:space:]]*}"}
  printf %s "${text%"${text##*[![:space:]]}"}"
}

while IFS=, read -r invoice amount token destination || [ -n "${invoice}${amount-}" ]; do
  invoice=$(trimmed "${invoice#$'\xef\xbb\xbf'}")
  amount=$(trimmed "${amount-}") token=$(trimmed "${token-}") destination=$(trimmed "${destination-}")
  [ -n "$invoice$amount$token$destination" ] || continue
  if [ -z "$invoice" ]; then
    echo "a line without an invoice number is not paid: $amount $token $destination"; failed=1
    continue
  fi
  l2send "$amount" "$token" "$destination" --yes --idempotency-key "$invoice" >/dev/null 2>"$file.log" </dev/null
  status=$?
  case $status in
    0) echo "$invoice paid" ;;
    4 | 8 | 10) echo "$invoice not final yet (exit status $status): run this again"; failed=1 ;;
    *) echo "$invoice not paid (exit status $status):"; tail -n 3 "$file.log"; failed=1 ;;
  esac
done <"$file"
exit $failed
