// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A resolver whose records are kept by a gateway that signs them (ENSIP-10 over ERC-3668), for the tests.
contract OffchainNames {
    error OffchainLookup(address sender, string[] urls, bytes callData, bytes4 callbackFunction, bytes extraData);

    address public immutable signer;
    string[] public urls;
    address public pretended;
    bool public endless;

    constructor(address signer_) {
        signer = signer_;
        pretended = address(this);
    }

    function set(string[] memory urls_, address pretended_, bool endless_) external {
        urls = urls_;
        pretended = pretended_;
        endless = endless_;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x9061b923 || id == 0x01ffc9a7;
    }

    function resolve(bytes calldata name, bytes calldata data) external view returns (bytes memory) {
        _ask(abi.encode(name, data));
    }

    function proven(bytes calldata response, bytes calldata extra) external view returns (bytes memory) {
        if (endless) _ask(extra);
        (bytes memory result, uint8 v, bytes32 r, bytes32 s) = abi.decode(response, (bytes, uint8, bytes32, bytes32));
        bytes32 said = keccak256(abi.encode(address(this), keccak256(extra), keccak256(result)));
        require(ecrecover(said, v, r, s) == signer, "not signed by the gateway");
        return result;
    }

    function _ask(bytes memory request) private view {
        revert OffchainLookup(pretended, urls, request, this.proven.selector, request);
    }
}
