"""Safe's own library, safe-eth-py, as the judge: it computes the same hashes and signatures, and reads each kind.

That the contracts compute the same hash too, and accept these signatures, is in tests/client/test_safes.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_typing import URI
from eth_utils.address import to_checksum_address

from l2send.core.chains import Registry, load_registry
from l2send.core.safe_signatures import SignatureKind, contract_signature, pack_signatures, read_signature
from l2send.core.units import Nonce
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from l2send.wallet.safe_files import SafeBundle, sign_safe
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.wallet.test_safe_files import bundle_of

pytestmark = pytest.mark.lab  # safe-eth-py takes seconds to import

KINDS = {
    SignatureKind.EIP712: "EOA",
    SignatureKind.ETH_SIGN: "ETH_SIGN",
    SignatureKind.APPROVED_HASH: "APPROVED_HASH",
    SignatureKind.CONTRACT: "CONTRACT_SIGNATURE",
}


@pytest.fixture
def registry(empty_home: Home) -> Registry:
    return load_registry(empty_home.paths)


@pytest.mark.parametrize("version", ["1.4.1", "1.5.0"])
@pytest.mark.parametrize("shape", ["a call", "several calls", "what cancels it"])
def test_safes_own_library_computes_the_same(registry: Registry, shape: str, version: str) -> None:
    from safe_eth.eth import EthereumClient
    from safe_eth.safe.safe_signature import SafeSignature
    from safe_eth.safe.safe_tx import SafeTx as TheirTx

    keys = sorted((Account.create() for _ in range(3)), key=lambda key: int(str(key.address), 16))
    owners = [LocalSigner(SecretKey(bytes(key.key))) for key in keys]
    bundle = bundle_of(registry, owners, spender=new_address() if shape == "several calls" else "")
    bundle = replace(bundle, cancels=shape == "what cancels it")
    ours, typed, nonce = bundle.safe_tx, bundle.typed, bundle.proposal.nonce
    node = EthereumClient(URI("http://127.0.0.1:1"))  # Never asked: all that it would be asked for is given.
    call = (to_checksum_address(ours.to), ours.value, ours.data, int(ours.operation), 0, 0, 0, None, None)

    def made(nonce: Nonce) -> TheirTx:
        given = {"safe_nonce": nonce, "safe_version": version, "chain_id": ours.chain_id}
        return TheirTx(node, to_checksum_address(ours.safe), *call, **given)

    theirs = made(nonce)
    assert bytes(theirs.safe_tx_hash) == typed.digest != bytes(made(Nonce(nonce + 1)).safe_tx_hash)
    assert bytes(theirs.safe_tx_hash_preimage) == b"\x19\x01" + typed.domain_hash + typed.message_hash
    for key in (keys[1], keys[0]):
        theirs.sign(key.key.hex())
    assert bytes(theirs.signatures) == pack_signatures(signed(bundle, owners[0], owners[1]).signatures)
    personal = keys[0].sign_message(encode_defunct(typed.digest)).signature
    word = bytes(12) + bytes.fromhex(owners[2].address[2:])
    mixed = [
        read_signature(personal[:64] + bytes([personal[64] + 4]), typed.digest),
        read_signature(word + bytes(32) + b"\x01", typed.digest),
        contract_signature(new_address(), b"what a contract judges"),
        read_signature(owners[1].sign_typed(typed), typed.digest),
    ]
    read = SafeSignature.parse_signature(pack_signatures(mixed), typed.digest, bytes(theirs.safe_tx_hash_preimage))
    assert [(one.owner, one.signature_type.name) for one in read] == [
        (one.owner, KINDS[one.kind]) for one in sorted(mixed, key=lambda one: int(one.owner, 16))
    ]


def signed(bundle: SafeBundle, *owners: LocalSigner) -> SafeBundle:
    for owner in owners:
        bundle = sign_safe(bundle, owner)
    return bundle
