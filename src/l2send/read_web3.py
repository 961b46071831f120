"""web3.py on l2send's endpoints, for scripts that read chains. It signs nothing and broadcasts nothing new.

Each endpoint's chain is verified before its first request, and if it fails another one is used (core/rpc).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from l2send.core.chains import Registry
from l2send.core.errors import NodeError, Refused
from l2send.core.rpc import Rpc, Rpcs
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.keys.signed import decode_signed

if TYPE_CHECKING:
    from web3 import AsyncWeb3
    from web3.types import RPCEndpoint, RPCResponse

_READS = (
    "eth_get",
    "eth_call",
    "eth_estimateGas",
    "eth_blockNumber",
    "eth_chainId",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_maxPriorityFeePerGas",
    "eth_blobBaseFee",
    "eth_createAccessList",
    "eth_simulateV1",
    "eth_syncing",
    "net_version",
    "web3_clientVersion",
)
"""Names and prefixes of read-only methods. Source: ethereum/execution-apis."""
_BROADCAST = "eth_sendRawTransaction"


def web3_of(rpc: Rpc, journal: Journal) -> AsyncWeb3[Any]:
    """A read-only AsyncWeb3 of one chain. Other requests raise Refused; all may raise NetworkError.

    Signed bytes are broadcast if `journal` has them, as l2send itself does repeatedly.
    """
    from web3 import AsyncWeb3
    from web3.providers.async_base import AsyncBaseProvider

    class Provider(AsyncBaseProvider):
        async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
            _refuse_unless_read(method, list(params), rpc, journal)
            try:
                result = await rpc.call(method, *params)
            except NodeError as error:
                answer = {"code": error.rpc_code, "message": error.message, "data": error.data}
                return cast("RPCResponse", {"jsonrpc": "2.0", "id": 1, "error": answer})
            return cast("RPCResponse", {"jsonrpc": "2.0", "id": 1, "result": result})

        async def is_connected(self, show_traceback: bool = False) -> bool:
            return bool(await rpc.call("eth_chainId"))

    return AsyncWeb3(Provider())


def _refuse_unless_read(method: str, params: list[Any], rpc: Rpc, journal: Journal) -> None:
    if method == _BROADCAST and _is_journaled(params, rpc, journal):
        return
    if method.startswith(_READS) and method != "eth_getWork":
        return
    raise Refused(
        f"{method[:60]} is refused: it could sign, broadcast or change something.",
        hint="Pay with client.plan, client.begin and client.resume: the journal makes sure that it happens once.",
    )


def _is_journaled(params: list[Any], rpc: Rpc, journal: Journal) -> bool:
    """Whether these are signed bytes in the journal. Raises Refused for bytes that are not a transaction."""
    given = params[0] if params else ""
    raw = bytes(given) if isinstance(given, bytes | bytearray) else _bytes_of(str(given))
    said = decode_signed(raw)
    if said.tx.chain_id != rpc.chain.chain_id:
        return False
    return any(tx.raw == raw for tx in journal.signed_from(said.tx.chain_id, said.sender, said.nonce))


def _bytes_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise Refused("these are no signed bytes.") from None


class ReadsByWeb3:
    """A client's web3.py for scripts that read chains."""

    journal: Journal
    registry: Registry
    rpcs: Rpcs

    def web3(self, chain: str) -> AsyncWeb3[Any]:
        """web3.py for reads, on the endpoints of `chain`, a short name. Raises UnknownChain."""
        return web3_of(self.rpcs.on(self.registry.named(chain).chain_id), self.journal)
