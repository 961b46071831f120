#!/usr/bin/env bash
# A shop's till: shows where to pay on one chain, waits until the money is there, and says so to the shop.
#
#   examples/till.sh base USDC 4.50 "order 1017"
#
# L2SEND_ACCOUNT: the keystore that is paid (no password is needed), or L2SEND_ADDRESS: its address.
# Exit 0: paid, hand it over. 8: not paid in 15 minutes. Anything else: ask `l2send doctor`.
set -uo pipefail
chain=${1:?usage: till.sh CHAIN TOKEN AMOUNT REFERENCE} token=${2:?} amount=${3:?} reference=${4:?}
if [ -n "${L2SEND_ADDRESS-}" ]; then who=(--from "$L2SEND_ADDRESS"); else who=(--account "${L2SEND_ACCOUNT:?}"); fi
ask=(receive "${who[@]}" --chain "$chain" --token "$token" --amount "$amount" --reference "$reference" --expires 15m)

# One JSON object a line: waiting, seen, arrived or timeout.
l2send "${ask[@]}" --wait --json 2>till.log | while IFS= read -r line; do
  case $line in
    *'"event": "waiting"'*) echo "waiting for $amount $token ($reference)" ;;
    *'"event": "seen"'*) echo "seen, not final yet" ;;
    *'"event": "arrived"'*) echo "PAID: $reference" ;;
    *'"event": "timeout"'*) echo "NOT PAID: $reference" ;;
  esac
done
exit "${PIPESTATUS[0]}"
