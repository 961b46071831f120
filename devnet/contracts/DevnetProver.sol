// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The prover of the devnet: a stand-in for Eco's message-bridge provers.
/// @notice Those carry proofs over a bridge between chains, which a machine of separate local chains does
/// not have. Here the owner (the devnet's solver) attests on the origin that an intent was fulfilled on
/// its destination. The functions are those of Eco's IProver interface, so the real Portal pays out on it.
contract DevnetProver {
    struct ProofData {
        address claimant;
        uint64 destination;
    }

    error NotOwner(address caller);
    error MalformedProofs(uint256 length);

    event IntentProven(bytes32 indexed intentHash, address indexed claimant, uint64 destination);
    event IntentProofInvalidated(bytes32 indexed intentHash);
    event IntentAlreadyProven(bytes32 intentHash);

    address public immutable owner;

    mapping(bytes32 => ProofData) private _proofs;

    constructor(address owner_) {
        owner = owner_;
    }

    /// @notice Records proofs: 8 bytes of destination chain id, then (intent hash, claimant) pairs of 64 bytes,
    /// as the Portal's own `prove` packs them.
    function prove(address, uint64, bytes calldata encodedProofs, bytes calldata) external payable {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        if (encodedProofs.length < 8 || (encodedProofs.length - 8) % 64 != 0) {
            revert MalformedProofs(encodedProofs.length);
        }
        uint64 destination = uint64(bytes8(encodedProofs[:8]));
        for (uint256 at = 8; at < encodedProofs.length; at += 64) {
            bytes32 intentHash = bytes32(encodedProofs[at:at + 32]);
            address claimant = address(uint160(uint256(bytes32(encodedProofs[at + 32:at + 64]))));
            _record(intentHash, claimant, destination);
        }
    }

    /// @notice Removes a proof whose destination is not the intent's. Anyone may call.
    function challengeIntentProof(uint64 destination, bytes32 routeHash, bytes32 rewardHash) external {
        bytes32 intentHash = keccak256(abi.encodePacked(destination, routeHash, rewardHash));
        ProofData memory proof = _proofs[intentHash];
        if (proof.claimant == address(0) || proof.destination == destination) return;
        delete _proofs[intentHash];
        emit IntentProofInvalidated(intentHash);
    }

    function provenIntents(bytes32 intentHash) external view returns (ProofData memory) {
        return _proofs[intentHash];
    }

    function getProofType() external pure returns (string memory) {
        return "Devnet";
    }

    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    function _record(bytes32 intentHash, address claimant, uint64 destination) private {
        if (_proofs[intentHash].claimant != address(0)) {
            emit IntentAlreadyProven(intentHash);
            return;
        }
        _proofs[intentHash] = ProofData(claimant, destination);
        emit IntentProven(intentHash, claimant, destination);
    }
}
