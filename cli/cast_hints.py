"""Options of `cast send` that l2send names differently or does not have: a sentence for each.

Options with the same name have the same meaning in both; tests/cli/test_cast_hints.py reads cast's own help.
"""

from __future__ import annotations

_NODES = "Many chains are asked: name the node of one by L2SEND_RPC_<CHAINID>=URL, or in chains.toml."
_FEES = "Fees are what the chain asks for, and shown first. --max-fee 2usd caps them; `l2send speedup` raises them."
_ONLY_PAYS = "l2send signs what it can decode as a payment, and nothing else."
_CLOSED = "Keys are kept in encrypted keystores or on a device: `l2send wallet import`, --ledger, --trezor."
_NO_WAIT = "--timeout 0 does not wait; `l2send resume ID` follows the payment later."

ANSWERS = {
    "--rpc-url": _NODES,
    "-r": _NODES,
    "--fork-url": _NODES,
    "--rpc-timeout": _NODES,
    "--rpc-headers": _NODES,
    "--jwt-secret": _NODES,
    "--flashbots": _NODES,
    "--compute-units-per-second": _NODES,
    "--no-rpc-rate-limit": _NODES,
    "--no-rate-limit": _NODES,
    "--curl": _NODES,
    "--insecure": "Certificates are always checked.",
    "-k": "Certificates are always checked.",
    "--no-proxy": "The proxy comes from the environment: unset HTTPS_PROXY.",
    "--chain": "The destination names its chain: base:0x…. --from-chain says which chains may fund it.",
    "-c": "The destination names its chain: base:0x…. --from-chain says which chains may fund it.",
    "--nonce": "The journal chooses nonces: nothing is paid twice. `l2send speedup` and `l2send cancel` use one again.",
    "--gas-price": _FEES,
    "--priority-gas-price": _FEES,
    "--blob-gas-price": _FEES,
    "--gas-limit": "The gas limit is estimated for the transaction that is signed.",
    "--legacy": "If blocks have no base fee, a legacy transaction is signed; otherwise EIP-1559.",
    "--value": "The amount comes first: l2send 0.1 ETH base:0x…",
    "--data": _ONLY_PAYS,
    "--create": _ONLY_PAYS,
    "--auth": _ONLY_PAYS,
    "--access-list": _ONLY_PAYS,
    "--blob": _ONLY_PAYS,
    "--eip4844": _ONLY_PAYS,
    "--path": _ONLY_PAYS,
    "--async": _NO_WAIT,
    "--sync": "That is the default: the payment is followed to its end, or for --timeout seconds.",
    "--poll-interval": "Chains are looked at once a second.",
    "--confirmations": "Each chain has its own number, which chains.toml can change: see `l2send chains --json`.",
    "--password": "Other programs could read it: --password-file FILE, --password-fd N, or ETH_PASSWORD=FILE.",
    "--interactive": _CLOSED,
    "-i": _CLOSED,
    "--mnemonic": _CLOSED,
    "--mnemonic-passphrase": _CLOSED,
    "--aws": _CLOSED,
    "--gcp": _CLOSED,
    "--turnkey": _CLOSED,
    "--browser": _CLOSED,
    "--browser-port": _CLOSED,
    "--browser-disable-open": _CLOSED,
    "--unlocked": "l2send signs here, and asks no node to sign.",
    "--etherscan-api-key": "No explorer is asked.",
    "-e": "No explorer is asked.",
    "--color": "NO_COLOR=1 takes colour away, FORCE_COLOR=1 keeps it in a pipe.",
    "--md": "Documents are JSON: --json.",
    "--verbosity": "--progress sets how much is reported.",
    "-v": "--progress sets how much is reported.",
    "--threads": "All chains are asked at once. Use --json for JSON.",
    "--jobs": "All chains are asked at once. Use --json for JSON.",
    "-j": "All chains are asked at once. Use --json for JSON.",
    "--force": "--yes answers questions in advance, except those that must be typed.",
}


def answer(option: str) -> str:
    """The replacement for an option of `cast send`; empty for an option that cast lacks, too."""
    if option.startswith("--tempo."):
        return "Tempo is no chain that l2send knows."
    return ANSWERS.get(option, "")
