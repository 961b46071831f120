"""Safe's own library, safe-eth-py, as the judge: the same hash, the same signatures, and the contract accepts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_typing import URI
from eth_utils.address import to_checksum_address

from l2send.core.safe_signatures import (
    SignatureKind,
    contract_signature,
    pack_signatures,
    read_signature,
)
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.owners import Team

pytestmark = pytest.mark.lab

KINDS = {
    SignatureKind.EIP712: "EOA",
    SignatureKind.ETH_SIGN: "ETH_SIGN",
    SignatureKind.APPROVED_HASH: "APPROVED_HASH",
    SignatureKind.CONTRACT: "CONTRACT_SIGNATURE",
}
PAYMENTS = [
    ("5", "USDC", "dev1", ""),
    ("0.5", "ETH", "dev1", ""),
    ("20", "USDC", "dev4", "eco"),
    ("0.5", "ETH", "dev4", "across"),
]


@pytest.mark.parametrize("version", ["1.4.1", "1.5.0"])
def test_safes_own_library_computes_the_same(home: Home, tmp_path: Path, version: str) -> None:
    from safe_eth.eth import EthereumClient
    from safe_eth.safe.safe_signature import SafeSignature
    from safe_eth.safe.safe_tx import SafeTx as TheirTx

    keys = [Account.create() for _ in range(3)]
    team = Team(home, tmp_path, version=version, signers=[LocalSigner(SecretKey(bytes(key.key))) for key in keys])
    keys.sort(key=lambda key: str(key.address))
    node = EthereumClient(URI(home.chain("dev1").rpcs[0]))
    for amount, token, chain, via in PAYMENTS:
        bundle = team.prepare(amount, f"{chain}:{new_address()}", token=token, via=via)
        ours, typed = bundle.safe_tx, bundle.typed
        call = (to_checksum_address(ours.to), ours.value, ours.data, int(ours.operation), 0, 0, 0, None, None)
        theirs = TheirTx(node, to_checksum_address(ours.safe), *call, safe_nonce=bundle.proposal.nonce)
        assert bytes(theirs.safe_tx_hash) == typed.digest == team.safe.contract_hash(ours, bundle.proposal.nonce)
        assert bytes(theirs.safe_tx_hash_preimage) == b"\x19\x01" + typed.domain_hash + typed.message_hash
        packed = pack_signatures(team.sign(bundle, 1, 0).signatures)
        for key in keys[:2]:
            theirs.sign(key.key.hex())
        assert bytes(theirs.signatures) == packed
        if bundle.proposal.nonce == 0:
            assert theirs.call(team.executor.address) == 1, "the contract accepts it"
        personal = keys[0].sign_message(encode_defunct(typed.digest)).signature
        word = bytes(12) + bytes.fromhex(team.owners[2].address[2:])
        mixed = [
            read_signature(personal[:64] + bytes([personal[64] + 4]), typed.digest),
            read_signature(word + bytes(32) + b"\x01", typed.digest),
            contract_signature(new_address(), b"what a contract judges"),
            read_signature(team.owners[1].sign_typed(typed), typed.digest),
        ]
        read = SafeSignature.parse_signature(pack_signatures(mixed), typed.digest, bytes(theirs.safe_tx_hash_preimage))
        assert {(one.owner, one.signature_type.name) for one in read} == {(m.owner, KINDS[m.kind]) for m in mixed}
