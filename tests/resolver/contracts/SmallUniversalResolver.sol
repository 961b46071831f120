// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IRegistry {
    function resolver(bytes32 node) external view returns (address);
}

/// ENS's universal resolver (ENSIP-23) as far as a client sees it: no npm package has the real one.
/// It asks gateways by a batch of its own (ENSIP-21), as the real one does.
contract SmallUniversalResolver {
    error OffchainLookup(address sender, string[] urls, bytes callData, bytes4 callbackFunction, bytes extraData);
    error ResolverNotFound(bytes name);
    error UnsupportedResolverProfile(bytes4 selector);
    error ResolverError(bytes errorData);
    error HttpError(uint16 status, string message);

    struct Request {
        address sender;
        string[] urls;
        bytes data;
    }

    IRegistry public immutable registry;

    constructor(IRegistry registry_) {
        registry = registry_;
    }

    function query(Request[] calldata) external pure returns (bool[] memory, bytes[] memory) {}

    function resolve(bytes calldata name, bytes calldata data) external view returns (bytes memory, address) {
        (address resolver, bool exact) = _find(name);
        if (resolver == address(0)) revert ResolverNotFound(name);
        (bool ok, bytes memory answer) = resolver.staticcall(abi.encodeWithSignature("supportsInterface(bytes4)", bytes4(0x9061b923)));
        bool extended = ok && answer.length == 32 && abi.decode(answer, (bool));
        if (!exact && !extended) revert ResolverNotFound(name);
        bytes memory call = extended ? abi.encodeWithSignature("resolve(bytes,bytes)", name, data) : data;
        (ok, answer) = resolver.staticcall(call);
        if (!ok && answer.length > 4 && bytes4(answer) == OffchainLookup.selector) _askGateways(resolver, answer);
        if (!ok) revert ResolverError(answer);
        if (answer.length == 0) revert UnsupportedResolverProfile(bytes4(data));
        return (extended ? abi.decode(answer, (bytes)) : answer, resolver);
    }

    function answered(bytes calldata response, bytes calldata extra) external view returns (bytes memory, address) {
        (bool[] memory failed, bytes[] memory got) = abi.decode(response, (bool[], bytes[]));
        if (failed[0]) revert HttpError(500, "the gateway failed");
        (address resolver, bytes4 callback, bytes memory inner) = abi.decode(extra, (address, bytes4, bytes));
        (bool ok, bytes memory answer) = resolver.staticcall(abi.encodeWithSelector(callback, got[0], inner));
        if (!ok) revert ResolverError(answer);
        return (abi.decode(answer, (bytes)), resolver);
    }

    function _askGateways(address resolver, bytes memory reverted) private view {
        bytes memory body = new bytes(reverted.length - 4);
        for (uint256 i = 0; i < body.length; i++) body[i] = reverted[i + 4];
        (address sender, string[] memory urls, bytes memory data, bytes4 callback, bytes memory extra) =
            abi.decode(body, (address, string[], bytes, bytes4, bytes));
        Request[] memory requests = new Request[](1);
        requests[0] = Request(sender, urls, data);
        string[] memory here = new string[](1);
        here[0] = "x-batch-gateway:true";
        revert OffchainLookup(
            address(this), here, abi.encodeCall(this.query, (requests)), this.answered.selector, abi.encode(resolver, callback, extra)
        );
    }

    function _find(bytes calldata name) private view returns (address resolver, bool exact) {
        for (uint256 at = 0; uint8(name[at]) != 0; at += 1 + uint8(name[at])) {
            resolver = registry.resolver(_node(name, at));
            if (resolver != address(0)) return (resolver, at == 0);
        }
    }

    function _node(bytes calldata name, uint256 at) private pure returns (bytes32) {
        uint256 length = uint8(name[at]);
        if (length == 0) return bytes32(0);
        return keccak256(abi.encode(_node(name, at + 1 + length), keccak256(name[at + 1:at + 1 + length])));
    }
}
