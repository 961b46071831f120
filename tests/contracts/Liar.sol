// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Not a stand-in: a foreign contract that emits any event it is told to, to see who believes it.
contract Liar {
    function say(bytes32[] calldata topics, bytes calldata data) external {
        bytes memory copy = data;
        assembly {
            let start := add(copy, 32)
            let size := mload(copy)
            let at := topics.offset
            let first := calldataload(at)
            let second := calldataload(add(at, 32))
            let third := calldataload(add(at, 64))
            switch topics.length
            case 1 { log1(start, size, first) }
            case 2 { log2(start, size, first, second) }
            case 3 { log3(start, size, first, second, third) }
            default { log4(start, size, first, second, third, calldataload(add(at, 96))) }
        }
    }
}
